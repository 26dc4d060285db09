/** SIGTERM and SIGINT: the first asks to end well, the second to end now. */

export type StopSignal = "SIGTERM" | "SIGINT";

export const SIGNAL_EXIT_CODE: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Calls `onFirst` once and `onSecond` for each one after; returns how to stop listening. */
export function onStopSignals(
  onFirst: (signal: StopSignal) => void,
  onSecond: (signal: StopSignal) => void,
): () => void {
  let isStopping = false;
  const listener = (signal: NodeJS.Signals) => {
    if (signal !== "SIGTERM" && signal !== "SIGINT") return;
    if (isStopping) {
      onSecond(signal);
      return;
    }
    isStopping = true;
    onFirst(signal);
  };
  process.on("SIGTERM", listener);
  process.on("SIGINT", listener);
  return () => {
    process.off("SIGTERM", listener);
    process.off("SIGINT", listener);
  };
}
