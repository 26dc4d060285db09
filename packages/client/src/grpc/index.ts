/**
 * `fpzk:///service` for `@grpc/grpc-js`: an optional part that needs that package.
 *
 * @packageDocumentation
 */
export { type GrpcRegistration, registerGrpc } from "./register.js";
