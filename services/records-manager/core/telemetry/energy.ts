/**
 * Energy of a GPU over windows. The difference of its counter of energy is what it used; the area below samples of its power (trapezoids) misses
 * what happens between them, and is taken where there is no counter that moves.
 */
import { counterFigures, perSecond } from "./counter.ts";
import { firstAtOrAfter, type Points, pointsAround, type Window, wasAbsent } from "./points.ts";

/** What there is of one GPU. */
export interface EnergySource {
  /** Counter, in joules. */
  readonly energy: Points | undefined;
  /** In watts. */
  readonly power: Points | undefined;
  /** When scrapes of its page failed, ascending, on the suite's clock: power is not guessed across them. */
  readonly gapsNs: Float64Array;
}

export interface EnergyUse {
  readonly joules: number;
  /** `joules` over the time that they cover. */
  readonly averageWatts: number;
  readonly coveredNs: number;
  readonly by: "counter" | "power";
  /** Steps of the counter that changed it, or between samples of power: what the figure rests on. */
  readonly steps: number;
  /** How often the counter fell, or was absent and came back: the driver was loaded anew. What was used in such a step is not known and not guessed. */
  readonly resets: number;
}

/** Undefined where neither has a step between two scrapes. */
export function energyUse({ energy, power, gapsNs }: EnergySource, windows: readonly Window[]): EnergyUse | undefined {
  const counted = energy && countedEnergy(energy, windows);
  if (counted !== undefined && counted.joules > 0) return counted;
  return (power && poweredEnergy(power, gapsNs, windows)) ?? counted;
}

function countedEnergy(energy: Points, windows: readonly Window[]): EnergyUse | undefined {
  const figures = counterFigures(energy, windows);
  if (figures === undefined || figures.coveredNs === 0) return undefined;
  const { total, rate, coveredNs, resets, changes } = figures;
  return { joules: total, averageWatts: rate, coveredNs, by: "counter", steps: changes, resets };
}

function poweredEnergy(power: Points, gapsNs: Float64Array, windows: readonly Window[]): EnergyUse | undefined {
  const sums = { joules: 0, coveredNs: 0, steps: 0 };
  for (const points of windows.map((window) => pointsAround(power, window))) {
    const { ns, values } = points;
    for (let at = 1; at < ns.length; at++) {
      const [fromNs, toNs] = [ns[at - 1] as number, ns[at] as number];
      if ((gapsNs[firstAtOrAfter(gapsNs, fromNs)] ?? Number.POSITIVE_INFINITY) <= toNs || wasAbsent(points, fromNs, toNs))
        continue;
      const watts = ((values[at - 1] as number) + (values[at] as number)) / 2;
      sums.joules += (watts * (toNs - fromNs)) / 1e9;
      sums.coveredNs += toNs - fromNs;
      sums.steps++;
    }
  }
  const { joules, coveredNs, steps } = sums;
  if (coveredNs === 0) return undefined;
  return { joules, averageWatts: perSecond(joules, coveredNs), coveredNs, by: "power", steps, resets: 0 };
}

/** A step of a counter that is older than its phase, or ends after it, may be this part of the energy at most before a note says so. */
const MOST_UNCERTAIN = 0.05;
/** A gap of this part of the phase has to be known. */
const MOST_UNCOVERED = 0.1;
/** Fewer samples of power than these say little of what was between them. */
const FEWEST_POWERS = 10;

/** Why the energy of a phase of `phaseNs` is to be taken with care; empty: nothing is against it. */
export function energyDoubts(use: EnergyUse, phaseNs: number): string[] {
  const { by, steps, coveredNs, resets } = use;
  const everyNs = coveredNs / Math.max(1, steps);
  const seconds = (ns: number): string => `${Number((ns / 1e9).toPrecision(3))} s`;
  const doubts: string[] = [];
  if (by === "counter" && everyNs > MOST_UNCERTAIN * phaseNs) {
    const off = Math.round((100 * everyNs) / phaseNs);
    doubts.push(`the energy counter changes every ${seconds(everyNs)}: over ${seconds(phaseNs)} it may be off by ${off} %`);
  }
  if (by === "power") {
    const few = steps < FEWEST_POWERS ? `, of ${steps + 1} samples alone` : "";
    doubts.push(`there is no energy counter: energy is power over time${few}`);
  }
  if (resets > 0) doubts.push(`the energy counter was set back or absent ${resets} times: what was used meanwhile is not in it`);
  if (coveredNs < (1 - MOST_UNCOVERED) * phaseNs) {
    doubts.push(`samples cover ${seconds(coveredNs)} of ${seconds(phaseNs)}: the energy is of that part`);
  }
  return doubts;
}
