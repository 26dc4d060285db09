/**
 * Joins two streams byte for byte, each paused while the other is full.
 *
 * Half-close is passed: when one side ends, the other may still send. A side that breaks is a
 * broken connection on the other.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { RequestRecord } from "./request-record.js";

export interface TunnelOptions {
  /** Without a byte in either direction it ends. */
  readonly idleTimeoutMs: number;
  /** What moved is added up here. */
  readonly record: Pick<RequestRecord, "requestBodyBytes" | "responseBodyBytes">;
  /** The instance broke its side off while the caller's was there. */
  readonly onBroken: () => void;
  /** Told once, when the caller's side is closed. */
  readonly onClosed: () => void;
}

/** Ends a connection so that the other end can tell it from an orderly end (a TCP reset). */
export function breakOff(stream: Duplex): void {
  const isPlain = stream instanceof Socket && !(stream instanceof TLSSocket);
  if (isPlain && !stream.destroyed) stream.resetAndDestroy();
  else stream.destroy();
}

/** An upgraded connection under way. */
export class Tunnel {
  readonly #caller: Duplex;
  readonly #options: TunnelOptions;
  #movedBytes = 0;
  #lastBytes = 0;
  #movedAtMs: number;

  constructor(caller: Duplex, instance: Duplex, nowMs: number, options: TunnelOptions) {
    this.#caller = caller;
    this.#options = options;
    this.#movedAtMs = nowMs;
    const { record } = options;
    // Broken streams end by `close`, which follows every error.
    caller.on("error", ignore);
    instance.on("error", ignore);
    caller.once("close", () => {
      if (!caller.readableEnded) breakOff(instance);
      options.onClosed();
    });
    instance.once("close", () => {
      if (instance.readableEnded) return;
      if (!caller.destroyed) options.onBroken();
      breakOff(caller);
    });
    caller.on("data", (chunk: Buffer) => {
      record.requestBodyBytes += chunk.length;
      this.#movedBytes += chunk.length;
    });
    instance.on("data", (chunk: Buffer) => {
      record.responseBodyBytes += chunk.length;
      this.#movedBytes += chunk.length;
    });
    caller.pipe(instance);
    instance.pipe(caller);
    if (caller.destroyed) instance.destroy();
    if (instance.destroyed) breakOff(caller);
  }

  sweep(nowMs: number): void {
    if (this.#movedBytes !== this.#lastBytes) {
      this.#lastBytes = this.#movedBytes;
      this.#movedAtMs = nowMs;
    } else if (nowMs - this.#movedAtMs >= this.#options.idleTimeoutMs) this.destroy();
  }

  destroy(): void {
    breakOff(this.#caller);
  }
}

function ignore(): void {}
