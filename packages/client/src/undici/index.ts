/**
 * `fpzk://service` for undici 7: an optional part that needs that package.
 *
 * @packageDocumentation
 */
export { createDispatcher, serviceInterceptor } from "./dispatcher.js";
