/** Waits until a program serves: its port accepts connections, or its health URL says so. */
import { type ClientRequest, get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { connect, type Socket } from "node:net";
import { delay } from "../delay.js";

/** What to ask for readiness. */
export type Probe =
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  | { readonly type: "http"; readonly url: URL };

const PROBE_INTERVAL_MS = 100;
const PROBE_TIMEOUT_MS = 2_000;

/**
 * Asks again and again until the probe succeeds.
 *
 * @returns undefined when it did, else why the last one failed when the time was up.
 */
export async function waitUntilReady(
  probe: Probe,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const deadline = performance.now() + timeoutMs;
  let failure = "it was not asked";
  while (!signal.aborted && performance.now() < deadline) {
    const found = await probeOnce(probe, signal);
    if (found === undefined) return undefined;
    failure = found;
    await delay(PROBE_INTERVAL_MS, signal);
  }
  return failure;
}

/** `tcp 127.0.0.1:8080` or the URL. */
export function probeText(probe: Probe): string {
  return probe.type === "tcp" ? `tcp ${probe.host}:${probe.port}` : probe.url.href;
}

/** Undefined for success, else the reason. */
function probeOnce(probe: Probe, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const attempt = probe.type === "tcp" ? tcpAttempt(probe, resolve) : httpAttempt(probe, resolve);
    const abort = () => attempt.destroy(new Error("no longer asked"));
    attempt.on("timeout", () => attempt.destroy(new Error("no answer")));
    attempt.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    attempt.on("close", () => signal.removeEventListener("abort", abort));
    signal.addEventListener("abort", abort);
  });
}

type Resolve = (failure: string | undefined) => void;

function tcpAttempt({ host, port }: Probe & { type: "tcp" }, resolve: Resolve): Socket {
  const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS });
  socket.on("connect", () => {
    socket.destroy();
    resolve(undefined);
  });
  return socket;
}

function httpAttempt({ url }: Probe & { type: "http" }, resolve: Resolve): ClientRequest {
  const get = url.protocol === "https:" ? httpsGet : httpGet;
  const request = get(url, { agent: false, timeout: PROBE_TIMEOUT_MS });
  request.on("response", (answer) => {
    const status = answer.statusCode ?? 0;
    answer.destroy();
    resolve(status >= 200 && status < 300 ? undefined : `status ${status}`);
  });
  return request;
}
