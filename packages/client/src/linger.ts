/** Waiting in which a process that stands still does not count as one that listened. */

/** Parts of the wait: each lets the event loop read what has arrived. */
const SLICE_COUNT = 10;

/**
 * Waits for at least `lingerMs` in which this process could read its sockets. A process that was
 * not given the processor finds its timers over before it has read a byte; here such a gap counts
 * as one slice of many.
 */
export async function linger(lingerMs: number): Promise<void> {
  for (let slice = 0; slice < SLICE_COUNT; slice += 1) {
    await new Promise((resolve) => setTimeout(resolve, lingerMs / SLICE_COUNT));
    // Timers come before input in a turn of the loop: this waits for the input after them.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
