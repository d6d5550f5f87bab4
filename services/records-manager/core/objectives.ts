/** What a run is held to, from the spec that its file keeps: single requests (`--goodput`) and figures of a phase (`--slo`). Pure. */
import { isJsonObject, parseJson, textOf } from "../../../endpoints/json-body.ts";
import { metricsByTag } from "../../../metrics/catalog.ts";
import { isKept, type Objective, percentileNamed, readObjectives } from "../../common/objective.ts";
import { PERCENTILES } from "../../common/percentiles.ts";
import type { MetricStatistics, MetricValue, ObjectiveOutcome } from "./run-summary.ts";

/** A bound that a request's value of a metric meets or not. */
export interface RequestObjective {
  readonly tag: string;
  /** In the metric's unit: at most this, at least where larger is better. */
  readonly threshold: number;
  readonly isLargerBetter: boolean;
}

/** Those of the spec (proto JSON) that a run's file keeps. A metric that is not known here is met by no request. */
export function requestObjectives(spec: string): RequestObjective[] {
  const value = parseJson(spec);
  if (!isJsonObject(value) || !Array.isArray(value.slos)) return [];
  return value.slos.filter(isJsonObject).map(({ metric, threshold }) => {
    const tag = textOf(metric) ?? "";
    const isLargerBetter = metricsByTag.get(tag)?.isLargerBetter ?? false;
    // Proto JSON leaves a number out that is 0.
    return { tag, threshold: typeof threshold === "number" ? threshold : 0, isLargerBetter };
  });
}

/** Whether a succeeded request is good. `valueAt` gives its value for the objective of that place; without one it is not. */
export function isGood(objectives: readonly RequestObjective[], valueAt: (index: number) => unknown): boolean {
  for (let index = 0; index < objectives.length; index++) {
    const { threshold, isLargerBetter } = objectives[index] as RequestObjective;
    const value = valueAt(index);
    if (typeof value !== "number" || (isLargerBetter ? value < threshold : value > threshold)) return false;
  }
  return true;
}

/** Those for figures of a phase. What cannot be read is of another version, and passed over. */
export function runObjectives(spec: string): Objective[] {
  const value = parseJson(spec);
  if (!isJsonObject(value) || !Array.isArray(value.objectives)) return [];
  return value.objectives.flatMap((text: unknown) => {
    const read = readObjectives(textOf(text) ?? "");
    return "objectives" in read ? read.objectives : [];
  });
}

/** The percentiles of a metric that objectives ask for and no table shows. */
export function furtherPercentiles(objectives: readonly Objective[], tag: string): number[] {
  const asked = objectives.flatMap((objective) => {
    const percentile = objective.tag === tag ? percentileNamed(objective.statistic ?? "") : undefined;
    return percentile === undefined || PERCENTILES.some((shown) => shown === percentile) ? [] : [percentile];
  });
  return [...new Set(asked)];
}

/** Figures of a phase that objectives may name. */
export interface PhaseFigureSet {
  readonly metrics: readonly MetricStatistics[];
  readonly runMetrics: readonly MetricValue[];
  /** Percentiles that no table shows: by tag, then by percentile. */
  readonly further: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/** What became of each. */
export function outcomesOf(objectives: readonly Objective[], figures: PhaseFigureSet): ObjectiveOutcome[] {
  return objectives.map((objective) => {
    const value = figureOf(objective, figures);
    return { objective, unit: metricsByTag.get(objective.tag)?.unit ?? "", value, isKept: isKept(objective, value) };
  });
}

function figureOf({ tag, statistic }: Objective, { metrics, runMetrics, further }: PhaseFigureSet): number | undefined {
  if (statistic === undefined) return runMetrics.find((metric) => metric.tag === tag)?.value;
  const found = metrics.find((metric) => metric.tag === tag)?.statistics;
  const percentile = percentileNamed(statistic);
  const key = percentile === undefined ? statistic : `p${percentile}`;
  const shown: unknown = found === undefined ? undefined : Object.entries(found).find(([name]) => name === key)?.[1];
  if (typeof shown === "number") return shown;
  return percentile === undefined ? undefined : further.get(tag)?.get(percentile);
}
