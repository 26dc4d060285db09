/** Picks of every policy: how fast, and what each leaves to the garbage collector. */
import { benchPickers } from "../../core/dist/pick/pick.bench.js";
import { type Bench, sized } from "./bench.js";

export const pickBench: Bench = {
  name: "pick",
  title: "one process, no network; instances of one service, equal or different weights",
  async run(context) {
    const measureMs = sized(context, { tiny: 2, quick: 50, full: 200 });
    return benchPickers({ measureMs }).flatMap((result) => {
      const count = result.instanceCount.toLocaleString("en");
      const weights = result.hasWeights ? "weighted" : "equal";
      const figure = `${result.policy} of ${count} ${weights}`;
      return [
        {
          bench: "pick",
          figure,
          value: result.picksPerSecond,
          unit: "picks/s",
          goal: null,
          better: "higher" as const,
        },
        {
          bench: "pick",
          figure: `${figure}: allocated`,
          value: result.bytesPerPick,
          unit: "B/pick",
          goal: null,
          better: "lower" as const,
        },
      ];
    });
  },
};
