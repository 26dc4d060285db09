/** The parts of a node by themselves: table, codecs, deadline wheel. */
import { ColumnRecordTable } from "@fpzk/core";
import { benchDeadlineWheel } from "../../core/dist/lease/deadline-wheel.bench.js";
import { measureTable } from "../../core/dist/table/record-table.bench.js";
import { measureCodecs } from "../../protocol/dist/codec.bench.js";
import { type Bench, sized } from "./bench.js";
import type { Figure } from "./figure.js";

export const partsBench: Bench = {
  name: "parts",
  title: "one process, no network: table, codecs and deadline wheel by themselves",
  async run(context) {
    const count = sized(context, { tiny: 1_000, quick: 100_000, full: 1_000_000 });
    context.progress("table");
    const table = measureTable("column", () => new ColumnRecordTable(), count);
    context.progress("codecs");
    const codecs = measureCodecs(sized(context, { tiny: 100, quick: 50_000, full: 300_000 }));
    context.progress("deadline wheel");
    const wheel = benchDeadlineWheel(count, sized(context, { tiny: 1, quick: 2, full: 3 }));
    return [
      rate("table: puts", table.putsPerSecond),
      rate("table: finds", table.findsPerSecond),
      rate("table: touches", table.touchesPerSecond),
      rate("table: rewrites", table.rewritesPerSecond),
      rate("table: reads in version order", table.syncsPerSecond),
      rate("table: removals", table.removesPerSecond),
      longest("table: longest call", table.longestPauseMs),
      ...codecs.map(({ name, perSecond }) => rate(`codec: ${name}`, perSecond)),
      rate("wheel: renewals", wheel.renewalsPerSecond),
      longest("wheel: longest turn", wheel.longestTurnMs),
    ];
  },
};

function rate(figure: string, value: number): Figure {
  return { bench: "parts", figure, value, unit: "/s", goal: null, better: "higher" };
}

function longest(figure: string, value: number): Figure {
  return { bench: "parts", figure, value, unit: "ms", goal: null, better: "lower" };
}
