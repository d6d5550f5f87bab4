/** Objectives for single requests (`--goodput`), from which good requests are told. Pure. */
import { isJsonObject, parseJson, textOf } from "../../../endpoints/json-body.ts";
import { metricsByTag } from "../../../metrics/catalog.ts";

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
