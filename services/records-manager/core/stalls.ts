/** Which gaps of streams are stalls. The rule is stated at `metrics/stall-threshold.ts`. */
import type { Stalls } from "../../../metrics/metric.ts";
import { GapDistribution } from "./gap-distribution.ts";

const MEDIANS = 3;
const MS_ABOVE_MEDIAN = 150;

/**
 * @param gaps of all succeeded streams
 * @param longest the longest one of each of them; undefined: they are not known
 * @param askedMs undefined: the rule decides
 */
export function stallsOf(
  gaps: GapDistribution,
  longest: GapDistribution | undefined,
  askedMs: number | undefined,
): Stalls | undefined {
  const medianMs = gaps.percentiles([50]).get(50);
  if (medianMs === undefined) return undefined;
  // Whole µs, as gaps are.
  const thresholdMs = Math.round(1000 * (askedMs ?? Math.max(MEDIANS * medianMs, medianMs + MS_ABOVE_MEDIAN))) / 1000;
  return { thresholdMs, gaps: gaps.countFrom(thresholdMs), requests: longest?.countFrom(thresholdMs) };
}

/** Gaps in ms, as a distribution; undefined: there is none. */
export function gapsOf(valuesMs: Float64Array): GapDistribution | undefined {
  if (valuesMs.length === 0) return undefined;
  const gaps = new GapDistribution();
  for (const ms of valuesMs) gaps.add(Math.round(1000 * ms));
  return gaps;
}
