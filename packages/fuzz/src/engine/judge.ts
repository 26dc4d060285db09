/** Runs one input and says what it did wrong: it threw, or it kept the thread too long. */
import type { Target } from "./target.js";

export type FailureKind = "crash" | "hang" | "memory";

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Equal for two inputs that fail for one reason: kind, error and where it was thrown. */
  readonly signature: string;
}

/** Nothing from outside may keep the event loop for longer. */
export const HANG_MS = 100;
/** Times that a slow input must be slow: the machine has other things to do. */
const CONFIRM_COUNT = 3;

/** What an input did wrong; undefined when nothing. */
export async function judge(target: Target, input: Uint8Array): Promise<Failure | undefined> {
  const startMs = performance.now();
  const failure = await runOnce(target, input);
  if (failure !== undefined) return failure;
  if (performance.now() - startMs <= HANG_MS) return undefined;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let count = 0; count < CONFIRM_COUNT; count += 1) {
    const before = process.cpuUsage();
    await runOnce(target, input);
    const { user, system } = process.cpuUsage(before);
    leastMs = Math.min(leastMs, (user + system) / 1_000);
    if (leastMs <= HANG_MS) return undefined;
  }
  const message = `took ${Math.round(leastMs)} ms of processor time, must be <= ${HANG_MS}`;
  return { kind: "hang", message, signature: "hang" };
}

async function runOnce(target: Target, input: Uint8Array): Promise<Failure | undefined> {
  try {
    const running = target.run(input);
    if (running !== undefined) await running;
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

/** The failure that a thrown error stands for. */
export function failureOf(error: unknown): Failure {
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  const frame = stack.split("\n").find((line) => /packages\/(?!fuzz\/)/.test(line)) ?? "";
  const place = frame.replace(/^.*packages\//, "").replace(/[):\d]*$/, "");
  // Numbers and quoted values differ between inputs that fail alike.
  const gist = message.replace(/"[^"]*"|\d+/g, "#").slice(0, 80);
  return { kind: "crash", message: stack || message, signature: `crash ${name} ${place} ${gist}` };
}
