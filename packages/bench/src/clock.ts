/** Time that processes of one machine share. */

/** Milliseconds of the system's monotonic clock, which on one machine all processes read alike. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Microseconds of the same clock, whole: fits a name. */
export function sharedNowMicros(): number {
  return Math.round(Number(process.hrtime.bigint()) / 1e3);
}

/** User and system time of this process so far, in ms. */
export function cpuNowMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
