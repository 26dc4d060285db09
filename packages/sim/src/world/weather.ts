/** What it is like on a way through the network. */
export interface Weather {
  /** Beyond the usual, one way. */
  readonly delayMs: number;
  /** Up to so much more, drawn for each message. */
  readonly jitterMs: number;
  /** Shares of messages between peers, 0 to 1. */
  readonly lossRatio: number;
  readonly duplicateRatio: number;
  readonly reorderRatio: number;
  /** Of one connection; Infinity without a bound. */
  readonly bytesPerMs: number;
}

export const CLEAR: Weather = {
  delayMs: 0,
  jitterMs: 0,
  lossRatio: 0,
  duplicateRatio: 0,
  reorderRatio: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
};

/** Beyond so much more delay, or below so few bytes, a heartbeat may be late for its lease. */
const HARSH_DELAY_MS = 300;
const HARSH_BYTES_PER_MS = 5;
const HARSH_LOSS_RATIO = 0.1;

/** Weather in which who is there may well seem gone. */
export function isHarsh({ delayMs = 0, jitterMs = 0, lossRatio = 0, ...rest }: Partial<Weather>) {
  const { bytesPerMs = Number.POSITIVE_INFINITY } = rest;
  return (
    delayMs + jitterMs > HARSH_DELAY_MS ||
    bytesPerMs < HARSH_BYTES_PER_MS ||
    lossRatio > HARSH_LOSS_RATIO
  );
}

/** Of two kinds of weather in one place the worse counts, thing by thing. */
export function worst(weather: Weather, other: Partial<Weather>): Weather {
  const { delayMs = 0, jitterMs = 0, lossRatio = 0, duplicateRatio = 0, reorderRatio = 0 } = other;
  return {
    delayMs: Math.max(weather.delayMs, delayMs),
    jitterMs: Math.max(weather.jitterMs, jitterMs),
    lossRatio: Math.max(weather.lossRatio, lossRatio),
    duplicateRatio: Math.max(weather.duplicateRatio, duplicateRatio),
    reorderRatio: Math.max(weather.reorderRatio, reorderRatio),
    bytesPerMs: Math.min(weather.bytesPerMs, other.bytesPerMs ?? Number.POSITIVE_INFINITY),
  };
}
