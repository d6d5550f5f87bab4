/**
 * What a histogram or a summary counted over windows: observations, their sum, the observations of each bucket, quantiles. Its parts are read
 * together: a step in which any of them fell, or was absent, is a reset of all, and in no figure. After a reset nothing is said of buckets and
 * quantiles.
 */
import { PERCENTILES } from "../../../common/percentiles.ts";
import type { PercentileKey } from "../statistics.ts";
import { perSecond } from "./counter.ts";
import { alignedTo, type Points, pointsAround, type Window, wasAbsent } from "./points.ts";
import { type Bucket, histogramQuantile, type Quantile } from "./quantile.ts";

/** The series of one histogram. */
export interface HistogramParts {
  /** By ascending bounds; empty: a summary. */
  readonly buckets: readonly { readonly le: number; readonly points: Points }[];
  readonly sum: Points | undefined;
  /** Undefined: the bucket without a bound says the same. */
  readonly count: Points | undefined;
}

export interface HistogramFigures {
  readonly count: number;
  readonly sum: number;
  /** `sum` / `count`; undefined: there is no observation. */
  readonly avg: number | undefined;
  /** Per second of the time that the steps cover. */
  readonly countRate: number;
  readonly sumRate: number;
  /** Observations in the windows by bound, those of smaller ones included; undefined: it was set back, or has no buckets. */
  readonly buckets: readonly Bucket[] | undefined;
  /** Undefined: there are no observations, or no buckets. */
  readonly quantiles: Readonly<Record<PercentileKey, Quantile>> | undefined;
  readonly resets: number;
  readonly coveredNs: number;
  readonly unknownNs: number;
}

/** Undefined where no window has two scrapes with a count. */
export function histogramFigures(parts: HistogramParts, windows: readonly Window[]): HistogramFigures | undefined {
  const leading = parts.count ?? parts.buckets.at(-1)?.points;
  if (leading === undefined) return undefined;
  const sums = { count: 0, sum: 0, buckets: parts.buckets.map(() => 0), resets: 0, coveredNs: 0, unknownNs: 0 };
  for (const window of windows) addWindow(parts, pointsAround(leading, window), sums);
  const { count, sum, resets, coveredNs, unknownNs } = sums;
  if (coveredNs + unknownNs === 0) return undefined;
  const isKnown = resets === 0 && parts.buckets.length > 0;
  const buckets = isKnown ? parts.buckets.map(({ le }, at): Bucket => ({ le, count: sums.buckets[at] ?? 0 })) : undefined;
  return {
    count,
    sum,
    avg: count > 0 ? sum / count : undefined,
    countRate: perSecond(count, coveredNs),
    sumRate: perSecond(sum, coveredNs),
    buckets,
    quantiles: buckets && quantilesOf(buckets),
    resets,
    coveredNs,
    unknownNs,
  };
}

function quantilesOf(buckets: readonly Bucket[]): HistogramFigures["quantiles"] {
  const found: Partial<Record<PercentileKey, Quantile>> = {};
  for (const percentile of PERCENTILES) {
    const quantile = histogramQuantile(percentile / 100, buckets);
    if (quantile === undefined) return undefined;
    found[`p${percentile}`] = quantile;
  }
  return found as Record<PercentileKey, Quantile>;
}

interface Sums {
  count: number;
  sum: number;
  readonly buckets: number[];
  resets: number;
  coveredNs: number;
  unknownNs: number;
}

function addWindow({ buckets, sum }: HistogramParts, counted: Points, sums: Sums): void {
  const { ns, values: counts } = counted;
  const sumValues = sum === undefined ? undefined : alignedTo(ns, sum);
  const bucketValues = buckets.map(({ points }) => alignedTo(ns, points));
  const isCut = (at: number): boolean =>
    wasAbsent(counted, ns[at - 1] as number, ns[at] as number) ||
    (sum !== undefined && sumValues !== undefined && isMissing(sum, sumValues, ns, at)) ||
    buckets.some(({ points }, place) => isMissing(points, bucketValues[place] as Float64Array, ns, at));
  for (let at = 1; at < ns.length; at++) {
    const stepNs = (ns[at] as number) - (ns[at - 1] as number);
    // The sum of observations that may be negative may fall without a reset.
    const hasFallen = riseAt(counts, at) < 0 || bucketValues.some((values) => riseAt(values, at) < 0);
    if (hasFallen || isCut(at)) {
      sums.resets++;
      sums.unknownNs += stepNs;
      continue;
    }
    sums.coveredNs += stepNs;
    sums.count += riseAt(counts, at);
    if (sumValues !== undefined) sums.sum += riseAt(sumValues, at);
    for (const [place, values] of bucketValues.entries()) sums.buckets[place] = (sums.buckets[place] ?? 0) + riseAt(values, at);
  }
}

/** Whether a part that had values is without one at either end of a step. Before its first one nothing is missing. */
function isMissing(part: Points, values: Float64Array, ns: Float64Array, at: number): boolean {
  const isKnown = !Number.isNaN((values[at] as number) - (values[at - 1] as number));
  return !isKnown && (part.ns[0] ?? Number.POSITIVE_INFINITY) < (ns[at] as number);
}

/** 0 where one of the two is missing. */
function riseAt(values: Float64Array, at: number): number {
  const rise = (values[at] as number) - (values[at - 1] as number);
  return Number.isNaN(rise) ? 0 : rise;
}
