/** A gRPC service of `@grpc/grpc-js` with every kind of call, and a unary call of its client. */
import type { TestContext } from "node:test";
import {
  type CallOptions,
  type Client,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { bindLoopback, bytesMethod, identity } from "../grpc-bytes.js";

export const SERVICE = {
  unary: bytesMethod("/test.Echo/unary"),
  count: bytesMethod("/test.Echo/count", { responseStream: true }),
  sum: bytesMethod("/test.Echo/sum", { requestStream: true }),
  chat: bytesMethod("/test.Echo/chat", { requestStream: true, responseStream: true }),
  enough: bytesMethod("/test.Echo/enough", { requestStream: true, responseStream: true }),
  fail: bytesMethod("/test.Echo/fail"),
  hang: bytesMethod("/test.Echo/hang"),
};

export interface Seen {
  readonly cancelled: Promise<void>;
  readonly hanging: Promise<void>;
}

export async function startGrpcEcho(
  t: TestContext,
  serverCredentials = ServerCredentials.createInsecure(),
): Promise<{ port: number; seen: Seen; server: Server }> {
  let onCancelled = (): void => {};
  let onHanging = (): void => {};
  const seen = {
    cancelled: new Promise<void>((resolve) => {
      onCancelled = resolve;
    }),
    hanging: new Promise<void>((resolve) => {
      onHanging = resolve;
    }),
  };
  const unary: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    const trailers = new Metadata();
    trailers.set("x-trailer", String(call.metadata.get("x-in")[0]));
    answer(null, call.request, trailers);
  };
  const count: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    for (let index = 0; index < Number(call.request); index += 1) {
      call.write(Buffer.from(String(index)));
    }
    call.end();
  };
  const sum: handleClientStreamingCall<Buffer, Buffer> = (call, answer) => {
    let total = 0;
    call.on("data", (part: Buffer) => {
      total += Number(part);
    });
    call.on("end", () => answer(null, Buffer.from(String(total))));
  };
  const chat: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on("data", (part: Buffer) => call.write(Buffer.from(`re ${part}`)));
    call.on("end", () => call.end());
  };
  /** Ends by a status while its caller still sends. */
  const enough: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.once("data", (part: Buffer) => {
      call.write(part);
      call.emit("error", { code: status.OUT_OF_RANGE, details: "enough" });
    });
  };
  const fail: handleUnaryCall<Buffer, Buffer> = (_call, answer) => {
    const metadata = new Metadata();
    metadata.set("x-detail-bin", Buffer.from([0, 255, 7]));
    answer({ code: status.FAILED_PRECONDITION, details: "nicht jetzt: später", metadata });
  };
  const hang: handleUnaryCall<Buffer, Buffer> = (call) => {
    onHanging();
    call.on("cancelled", () => onCancelled());
  };
  const server = new Server();
  server.addService(SERVICE, { unary, count, sum, chat, enough, fail, hang });
  const port = await bindLoopback(server, serverCredentials);
  t.after(() => server.forceShutdown());
  return { port, seen, server };
}

export function callUnary(client: Client, path: string, body: string, options: CallOptions = {}) {
  const metadata = new Metadata();
  metadata.set("x-in", "in");
  let trailer = "";
  return new Promise<{ text: string; trailer: string; error: ServiceError | null }>((resolve) => {
    const call = client.makeUnaryRequest(
      path,
      identity,
      identity,
      Buffer.from(body),
      metadata,
      options,
      (error, answer) => setImmediate(() => resolve({ text: String(answer), trailer, error })),
    );
    call.on("status", (ended) => {
      trailer = String(ended.metadata.get("x-trailer")[0]);
    });
  });
}
