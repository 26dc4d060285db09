/** gRPC without generated code: methods whose messages are bytes as they stand. */
import type { MethodDefinition, Server, ServerCredentials } from "@grpc/grpc-js";

export const identity = (value: Buffer): Buffer => value;

/** @param path - `/package.Service/Method`. */
export function bytesMethod(
  path: string,
  streams: { readonly requestStream?: boolean; readonly responseStream?: boolean } = {},
): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    ...{ requestStream: false, responseStream: false, ...streams },
    ...{ requestSerialize: identity, requestDeserialize: identity },
    ...{ responseSerialize: identity, responseDeserialize: identity },
  };
}

/** Serves on a free port of loopback; resolves with it. */
export function bindLoopback(server: Server, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
