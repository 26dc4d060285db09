/** WebSocket frames of one connection as one input, each behind its length (two bytes). */
import { once } from "node:events";
import { WebSocket } from "ws";
import type { ServedProcess } from "./served-process.js";

const CONNECTION_TIMEOUT_MS = 3_000;

export function framed(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    frames.flatMap((frame) => [Buffer.from([frame.length >> 8, frame.length & 255]), frame]),
  );
}

/** Undefined when the server refused the connection. */
export async function openSocket(
  served: ServedProcess,
  path: string,
): Promise<WebSocket | undefined> {
  const ws = new WebSocket(`ws://127.0.0.1:${served.port}${path}`);
  ws.on("error", () => {});
  await Promise.race([once(ws, "open"), once(ws, "close")]).catch(() => {});
  return ws.readyState === WebSocket.OPEN ? ws : undefined;
}

/** Sends the frames and waits until the server has taken all of them, or has closed. */
export async function sendFrames(ws: WebSocket, input: Uint8Array): Promise<void> {
  for (let at = 0; at + 2 <= input.length && ws.readyState === WebSocket.OPEN; ) {
    const length = (input[at] ?? 0) * 256 + (input[at + 1] ?? 0);
    ws.send(input.subarray(at + 2, at + 2 + length), { binary: true });
    at += 2 + length;
  }
  const answered = Promise.race([once(ws, "pong"), once(ws, "close")]);
  if (ws.readyState === WebSocket.OPEN) ws.ping();
  const timer = setTimeout(() => ws.terminate(), CONNECTION_TIMEOUT_MS);
  if (ws.readyState !== WebSocket.CLOSED) await answered.catch(() => {});
  clearTimeout(timer);
  ws.terminate();
}
