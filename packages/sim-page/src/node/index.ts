export { buildPage, SITE_FOLDER } from "./build-page.js";
export { type PageServer, SIMULATOR_PORT, servePage } from "./serve-page.js";
export { takePicture } from "./take-picture.js";
