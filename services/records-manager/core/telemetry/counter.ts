/**
 * What a counter rose by over windows, and how fast. A counter that falls was set back, and one that was absent from a scrape of its page may have
 * been (a GPU was taken away and given back, a process was started anew): what it counted in that step is not known, so the step is in no figure,
 * and how many there were is told. A scrape that failed says nothing of the counter, which went on counting: a step over it is one as any other.
 */

import { sampleStatistics } from "./gauge.ts";
import { type Points, pointsAround, type Window, wasAbsent } from "./points.ts";

export interface CounterFigures {
  /** Sum of the steps from the baseline of each window to its last scrape. */
  readonly total: number;
  /** `total` per second of the time that the steps cover; 0: they cover none. */
  readonly rate: number;
  /** `total` per second from each baseline to the last change: the wait for another one is left out. 0: it did not change. */
  readonly rateAvg: number;
  /** Of the rates between one scrape and the next; the deviation is that of a sample (ddof = 1). */
  readonly rateMin: number;
  readonly rateMax: number;
  readonly rateStd: number;
  /** Steps in which it rose. */
  readonly changes: number;
  /** How often it fell, or was absent and came back. */
  readonly resets: number;
  /** Time of the steps that are in the figures, in ns. */
  readonly coveredNs: number;
  /** Time of those steps, in ns: what was counted there is unknown. */
  readonly unknownNs: number;
}

/** Undefined where no window has two points. */
export function counterFigures(points: Points, windows: readonly Window[]): CounterFigures | undefined {
  const parts = windows.map((window) => pointsAround(points, window)).filter(({ ns }) => ns.length > 0);
  if (parts.length === 0) return undefined;
  const sums = { total: 0, coveredNs: 0, unknownNs: 0, resets: 0, changes: 0, changedNs: 0 };
  const rates: number[] = [];
  for (const part of parts) addSteps(part, sums, rates);
  const { total, coveredNs, unknownNs, resets, changes, changedNs } = sums;
  const { min = 0, max = 0, std = 0 } = sampleStatistics(Float64Array.from(rates)) ?? {};
  return {
    total,
    rate: perSecond(total, coveredNs),
    rateAvg: perSecond(total, changedNs),
    rateMin: min,
    rateMax: max,
    rateStd: std,
    changes,
    resets,
    coveredNs,
    unknownNs,
  };
}

/** `amount` per second; 0 where there is no time. */
export function perSecond(amount: number, ns: number): number {
  return ns > 0 ? amount / (ns / 1e9) : 0;
}

interface Sums {
  total: number;
  coveredNs: number;
  unknownNs: number;
  resets: number;
  changes: number;
  /** From each change, or the baseline, to the next. */
  changedNs: number;
}

function addSteps(points: Points, sums: Sums, rates: number[]): void {
  const { ns, values } = points;
  let changedAtNs = ns[0] as number;
  for (let at = 1; at < ns.length; at++) {
    const rise = (values[at] as number) - (values[at - 1] as number);
    const stepNs = (ns[at] as number) - (ns[at - 1] as number);
    if (!(rise >= 0) || wasAbsent(points, ns[at - 1] as number, ns[at] as number)) {
      sums.resets++;
      sums.unknownNs += stepNs;
      changedAtNs = ns[at] as number;
      continue;
    }
    sums.total += rise;
    sums.coveredNs += stepNs;
    if (stepNs > 0) rates.push(perSecond(rise, stepNs));
    if (rise === 0) continue;
    sums.changes++;
    sums.changedNs += (ns[at] as number) - changedAtNs;
    changedAtNs = ns[at] as number;
  }
}
