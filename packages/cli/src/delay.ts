/** Waiting that can be ended early. */

/** Resolves after the delay, or as soon as the signal is aborted; never rejects. */
export function delay(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

const RETRY_DELAY_MIN_MS = 200;
const RETRY_DELAY_MAX_MS = 5_000;

/** Before the next attempt after so many failures in a row: doubling, capped, half of it random. */
export function retryDelayMs(failureCount: number): number {
  const doubled = RETRY_DELAY_MIN_MS * 2 ** Math.min(failureCount, 10);
  const ceilingMs = Math.min(RETRY_DELAY_MAX_MS, doubled);
  return ceilingMs / 2 + (Math.random() * ceilingMs) / 2;
}
