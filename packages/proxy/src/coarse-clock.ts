/** A clock that is read for nothing: it stands between two ticks. For timeouts, not durations. */
export interface CoarseClock {
  /** Monotonic. */
  readonly nowMs: number;
  /** Wall time as a `date` field says it (RFC 9110 §5.6.7). */
  readonly dateText: string;
}

/** The clock of one proxy, which moves it. */
export class TickingClock implements CoarseClock {
  nowMs = 0;
  dateText = "";
  #secondsWallTime = 0;

  constructor(nowMs: number) {
    this.tick(nowMs);
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const secondsWallTime = Math.floor(Date.now() / 1_000);
    if (secondsWallTime === this.#secondsWallTime) return;
    this.#secondsWallTime = secondsWallTime;
    this.dateText = new Date(secondsWallTime * 1_000).toUTCString();
  }
}
