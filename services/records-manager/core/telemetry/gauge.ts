/**
 * Statistics of a gauge over windows: of the values that were scraped, each of the same weight. The standard deviation is that of a sample
 * (ddof = 1, 0 for one value), as AIPerf has it for telemetry. Series of unknown type are read as gauges.
 */
import { type Statistics, statisticsOf } from "../statistics.ts";
import { type Points, pointsWithin, type Window } from "./points.ts";

/** Undefined where nothing was scraped within the windows. What is not finite is passed over. */
export function gaugeStatistics(points: Points, windows: readonly Window[]): Statistics | undefined {
  const values = windows.flatMap((window) => [...pointsWithin(points, window).values].filter(Number.isFinite));
  return sampleStatistics(Float64Array.from(values));
}

/** As `statisticsOf`, with the deviation of a sample. */
export function sampleStatistics(values: Float64Array): Statistics | undefined {
  const statistics = statisticsOf(values);
  if (statistics === undefined) return undefined;
  const { count, std } = statistics;
  return { ...statistics, std: count > 1 ? std * Math.sqrt(count / (count - 1)) : 0 };
}
