/**
 * What gathers one figure of a tool's over a run, in memory that chunks do not add to: gaps are counted by their length, exactly, since stamps are whole µs;
 * of any other figure a request has one value, which takes 8 bytes, or 1 MB for all of them where values are weighted.
 */
import type { Definition } from "../../common/tool-definitions.ts";
import { Column } from "./column.ts";
import { type FIGURES, isOfGaps, isRanked } from "./definitions.ts";
import { GapDistribution } from "./gap-distribution.ts";
import { type Statistics, statisticsOf } from "./statistics.ts";
import { WeightedDistribution } from "./weighted-distribution.ts";

export interface Tally {
  readonly add: (ms: number, weight: number) => void;
  /** Undefined: nothing was added. */
  readonly statistics: () => Statistics | undefined;
}

export function tallyOf(definition: Definition, figure: (typeof FIGURES)[number]): Tally {
  if (isRanked(definition)) return new WeightedDistribution();
  return isOfGaps(definition, figure) ? gapTally() : linearTally();
}

function gapTally(): Tally {
  const gaps = new GapDistribution();
  return { add: (ms) => gaps.add(Math.round(ms * 1000)), statistics: () => gaps.statistics() };
}

/** Values of equal weight, whose percentiles interpolate. */
function linearTally(): Tally {
  const values = new Column();
  return { add: (ms) => values.push(ms), statistics: () => statisticsOf(values.values()) };
}
