/**
 * A command that is registered for as long as it lives and serves.
 *
 * start → ready (port or health URL) → registered → … → the command ends → deregistered, and the
 * command's exit code is ours. SIGTERM: drain first, so that nobody calls any more; linger, for what
 * a caller sent before it confirmed may still be on its way; then the signal.
 */
import type { FpzkClient, Registration, RegistrationHandle } from "@fpzk/client";
import { isRegistryError } from "@fpzk/core";
import { delay, retryDelayMs } from "../delay.js";
import { exitCodeOf } from "../exit-code.js";
import type { Child } from "./child.js";
import { type Probe, probeText, waitUntilReady } from "./readiness.js";

export interface RegisteredCommandOptions {
  readonly child: Child;
  /** One attempt; it may wait as long as it likes. */
  readonly connect: (signal: AbortSignal) => Promise<FpzkClient>;
  readonly registration: Registration;
  readonly probe: Probe;
  readonly readyTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** From the drain's end to the stop signal. */
  readonly lingerMs: number;
  /** From the stop signal to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** Ctrl-C reaches the command by the terminal itself. */
  readonly sharesTerminal: boolean;
  readonly say: (text: string) => void;
}

/** Longest wait for a goodbye to the registry: the connection's end says the same. */
const GOODBYE_TIMEOUT_MS = 3_000;

export type ForwardedSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export class RegisteredCommand {
  readonly #options: RegisteredCommandOptions;
  /** Aborted by the command's end or the first stop signal: waiting for readiness is over. */
  readonly #over = new AbortController();
  #client: FpzkClient | undefined;
  #handle: RegistrationHandle | undefined;
  #signalCount = 0;
  #endDrainEarly: () => void = () => {};
  #killTimer: NodeJS.Timeout | undefined;
  #failureCode: number | undefined;

  constructor(options: RegisteredCommandOptions) {
    this.#options = options;
  }

  /** Resolves with the exit code when the command has ended and is deregistered. */
  async run(): Promise<number> {
    const { child, say } = this.#options;
    const registered = this.#registerWhenReady();
    const end = await child.ended;
    this.#over.abort();
    clearTimeout(this.#killTimer);
    this.#endDrainEarly();
    if (end.startFailure !== undefined) say(`cannot start the command: ${end.startFailure}`);
    await within(
      GOODBYE_TIMEOUT_MS,
      registered.then(() => this.#goodbye()),
    );
    return this.#failureCode ?? end.exitCode;
  }

  /** Takes a signal of this process. */
  signal(signal: ForwardedSignal): void {
    const { child, sharesTerminal } = this.#options;
    if (signal === "SIGHUP") {
      child.kill(signal);
      return;
    }
    this.#signalCount += 1;
    this.#over.abort();
    if (this.#signalCount > 1) {
      // Somebody is in a hurry: the command gets every further signal at once.
      this.#endDrainEarly();
      child.kill(signal);
      return;
    }
    void this.#stop(signal, signal === "SIGINT" && sharesTerminal);
  }

  async #stop(signal: ForwardedSignal, isDelivered: boolean): Promise<void> {
    const { child, stopTimeoutMs, say } = this.#options;
    if (signal === "SIGTERM") await this.#drain();
    if (!isDelivered) child.kill(signal);
    this.#killTimer = setTimeout(() => {
      say(`the command did not end within ${stopTimeoutMs} ms of ${signal}; killing it`);
      child.kill("SIGKILL");
    }, stopTimeoutMs);
    if (!child.isRunning()) clearTimeout(this.#killTimer);
    await this.#deregister();
  }

  async #registerWhenReady(): Promise<void> {
    const { probe, readyTimeoutMs, registration, child, say } = this.#options;
    const failure = await waitUntilReady(probe, readyTimeoutMs, this.#over.signal);
    if (this.#over.signal.aborted) return;
    if (failure !== undefined) {
      const waited = `${probeText(probe)} was not ready within ${readyTimeoutMs} ms (${failure})`;
      this.#giveUp(`${waited}; ending the command`, 1);
      return;
    }
    try {
      this.#client = await this.#connect();
      if (this.#client === undefined) return;
      const handle = await this.#client.register(registration);
      this.#handle = handle;
      if (this.#over.signal.aborted || !child.isRunning()) return;
      say(`registered ${handle.service}/${handle.id}`);
      void handle.superseded.then(() => {
        say(`another process registered ${handle.service}/${handle.id}; this one no longer is`);
      });
    } catch (error) {
      const code = isRegistryError(error) ? exitCodeOf(error.code) : 1;
      const reason = error instanceof Error ? error.message : String(error);
      this.#giveUp(`cannot register: ${reason}; ending the command`, code);
    }
  }

  /** Tries until a server answers: a registry that is down must not stop the command. */
  async #connect(): Promise<FpzkClient | undefined> {
    const { connect, say } = this.#options;
    const { signal } = this.#over;
    for (let failureCount = 0; !signal.aborted; failureCount += 1) {
      try {
        return await connect(signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!isRegistryError(error) || !isOutage(error.code)) throw error;
        if (failureCount === 0) say(`${error.message}; the command runs, trying on`);
        await delay(retryDelayMs(failureCount), signal);
      }
    }
    return undefined;
  }

  #giveUp(reason: string, exitCode: number): void {
    const { child, say, stopTimeoutMs } = this.#options;
    if (!child.isRunning() || this.#signalCount > 0) return;
    say(reason);
    this.#failureCode = exitCode;
    child.kill("SIGTERM");
    this.#killTimer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  }

  async #drain(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined || handle.status !== "registered") return;
    const { drainTimeoutMs: timeoutMs, lingerMs, say } = this.#options;
    const hurry = new Promise<undefined>((resolve) => {
      this.#endDrainEarly = () => resolve(undefined);
    });
    const drained = handle.drain({ timeoutMs }).catch((error: unknown) => {
      say(`cannot drain: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });
    // The client bounds the wait too; this holds when it cannot even say so.
    const result = await within(timeoutMs + 1_000, Promise.race([drained, hurry]));
    if (result === undefined) return;
    const { confirmedCount, unconfirmed } = result;
    if (unconfirmed.length > 0) say(`these may still call: ${unconfirmed.join(", ")}`);
    else say(`drained: ${confirmedCount} subscribers confirmed`);
    await within(lingerMs, hurry);
  }

  async #deregister(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined || handle.status !== "registered") return;
    await within(
      GOODBYE_TIMEOUT_MS,
      handle.deregister().catch(() => undefined),
    );
  }

  async #goodbye(): Promise<void> {
    await this.#client?.close().catch(() => undefined);
  }
}

function isOutage(code: string): boolean {
  return code === "unavailable" || code === "deadline_exceeded" || code === "resource_exhausted";
}

/** The promise, or undefined when it takes longer. */
async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
