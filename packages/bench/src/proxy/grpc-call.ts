/** One gRPC call by hand: the message that all calls send, and a look at what comes back. */
import { connect } from "node:http2";
import { GRPC_PATH } from "./cells.js";

/** Prefix (not compressed, 10 bytes follow) and a message of one string field. */
export const GRPC_MESSAGE: Buffer = Buffer.from("000000000a0a086162636465666768", "hex");

const TIMEOUT_MS = 5_000;

/**
 * Resolves when the same message came back with `grpc-status` 0 in the trailers; load generators
 * only look at the status.
 *
 * @throws Error that says what came instead.
 */
export async function checkGrpc(url: string): Promise<void> {
  const session = connect(url, { rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": GRPC_PATH,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      let status: number | undefined;
      let trailers: Readonly<Record<string, unknown>> = {};
      stream.setTimeout(TIMEOUT_MS, () => stream.close());
      stream.on("response", (headers) => {
        status = headers[":status"];
      });
      stream.on("trailers", (fields) => {
        trailers = fields;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        const body = Buffer.concat(chunks);
        const grpcStatus = trailers["grpc-status"];
        if (status === 200 && String(grpcStatus) === "0" && body.equals(GRPC_MESSAGE)) resolve();
        else {
          const told = `status ${status}, ${body.length} bytes, grpc-status ${grpcStatus}`;
          reject(new Error(`a gRPC call to ${url} must bring its message back, not ${told}`));
        }
      });
      stream.end(GRPC_MESSAGE);
    });
  } finally {
    session.destroy();
  }
}
