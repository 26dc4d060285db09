/** Begins the page. */
import { Page } from "./page/page.js";

new Page().begin();
