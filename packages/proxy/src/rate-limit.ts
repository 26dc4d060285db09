/**
 * How many requests of one caller's address are let in: the generic cell rate algorithm.
 *
 * One number for each address, the time at which its requests would all be due at an even pace;
 * who is more than a second ahead of it waits. So a burst of one second's requests passes at once.
 *
 * @see ITU-T I.371 (2004), annex A.3 (GCRA, virtual scheduling).
 */

/** Addresses that are remembered; beyond, those that asked longest ago are forgotten. */
export const RATE_ADDRESS_COUNT_MAX = 65_536;
const BURST_MS = 1_000;
/** What sums of fractions may lose. */
const ROUNDING_MS = 0.001;

export class RateLimit {
  readonly #intervalMs: number;
  /** By address, in the order in which they were last let in. */
  readonly #dueMs = new Map<string, number>();

  /** @param requestsPerSecondMax - Of one address. */
  constructor(requestsPerSecondMax: number) {
    this.#intervalMs = BURST_MS / requestsPerSecondMax;
  }

  /** Whether a request is let in now; one that is not costs its caller nothing. */
  admits(address: string, nowMs: number): boolean {
    const dueMs = Math.max(this.#dueMs.get(address) ?? 0, nowMs);
    if (dueMs + this.#intervalMs > nowMs + BURST_MS + ROUNDING_MS) return false;
    this.#dueMs.delete(address);
    this.#dueMs.set(address, dueMs + this.#intervalMs);
    if (this.#dueMs.size > RATE_ADDRESS_COUNT_MAX) this.#forgetOldest();
    return true;
  }

  #forgetOldest(): void {
    for (const address of this.#dueMs.keys()) {
      this.#dueMs.delete(address);
      return;
    }
  }
}

/**
 * Whose request it is: the address of the connection, or, where that is a proxy of one's own, the
 * one that it noted last.
 *
 * @param forwardedFor - `x-forwarded-for`, when it is to be trusted.
 */
export function callerAddress(remoteAddress: string, forwardedFor: string | undefined): string {
  const noted = forwardedFor?.slice(forwardedFor.lastIndexOf(",") + 1).trim();
  return noted === undefined || noted === "" ? remoteAddress : noted.slice(0, ADDRESS_MAX_LENGTH);
}

/** Of an IPv6 address with a zone; longer is none. */
const ADDRESS_MAX_LENGTH = 64;
