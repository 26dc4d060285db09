export { buildPage, SITE_FOLDER } from "./build-page.js";
export { type PageServer, servePage } from "./serve-page.js";
export { takePicture } from "./take-picture.js";
