/**
 * What a run is held to (`--slo`): `ttft:p99 < 500ms; error_rate < 1%`, from text to bounds on figures of a phase. Pure.
 *
 * objectives = objective { ";" objective }; objective = metric [ ":" statistic ] ( "<" | "<=" | ">" | ">=" ) number [ unit ].
 * A metric is a tag of the catalog or one of `shortNames`; a distribution needs a statistic, a value of the whole run has none.
 */
import { listMetrics, metricsByTag, recordMetrics, runMetrics } from "../../metrics/catalog.ts";
import { factorOf, scaled, shortNames, tagNamed, unitFactors } from "./metric-names.ts";
import { didYouMean } from "./nearest.ts";
import { PERCENTILES } from "./percentiles.ts";
import { TextCursor, type TextProblem } from "./text-cursor.ts";

export type Comparison = "<" | "<=" | ">" | ">=";

/** A bound on one figure of a phase. */
export interface Objective {
  /** As it was written, trimmed. */
  readonly text: string;
  readonly tag: string;
  /** `avg`, `min`, `max`, `std` or a percentile, as `p99` or, of values of requests and of gaps alone, `p99.9`; undefined: the metric is one value of the whole run. */
  readonly statistic: string | undefined;
  readonly comparison: Comparison;
  /** In the metric's unit. */
  readonly bound: number;
}

export type ObjectivesRead = { readonly objectives: readonly Objective[] } | { readonly problem: TextProblem };

/** Reads one or several objectives. Never throws; says the first problem alone. */
export function readObjectives(text: string): ObjectivesRead {
  const objectives: Objective[] = [];
  let from = 0;
  for (const part of text.split(";")) {
    if (part.trim() !== "") {
      const read = readObjective(part);
      if ("problem" in read) return { problem: { ...read.problem, at: from + read.problem.at } };
      objectives.push(read);
    }
    from += part.length + 1;
  }
  if (objectives.length === 0) return { problem: { message: "expected metric:statistic < number", at: 0 } };
  return { objectives };
}

/** Whether a figure keeps an objective; none keeps none. */
export function isKept({ comparison, bound }: Objective, value: number | undefined): boolean {
  if (value === undefined) return false;
  switch (comparison) {
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
  }
}

/** The percentile that a statistic names, 0 to 100 without the ends; undefined: it is none. */
export function percentileNamed(statistic: string): number | undefined {
  const percentile = /^p(\d{1,2}(?:\.\d+)?)$/.exec(statistic)?.[1];
  return percentile === undefined || Number(percentile) === 0 ? undefined : Number(percentile);
}

type Read = Objective | { readonly problem: TextProblem };

function readObjective(part: string): Read {
  const cursor = new TextCursor(part);
  const name = cursor.take(/[\w.]+/y);
  if (name === undefined) return cursor.problem("expected a metric");
  const tag = tagNamed(name.text);
  const metric = metricsByTag.get(tag);
  if (metric === undefined) {
    const meant = didYouMean(name.text, [...Object.keys(shortNames), ...metricsByTag.keys()]);
    return { problem: { message: `unknown metric ${name.text}${meant}`, at: name.at } };
  }
  const isDistribution = !runMetrics.some((candidate) => candidate.tag === tag);
  const colon = cursor.take(/:/y);
  if (colon === undefined && isDistribution) return cursor.problem(`expected a statistic of ${name.text}, as :p99 or :avg`);
  if (colon !== undefined && !isDistribution) {
    return { problem: { message: `${name.text} is one value of the whole run and has no statistics`, at: colon.at } };
  }
  const statistic = colon === undefined ? undefined : cursor.take(/[\w.]+/y);
  if (colon !== undefined && (statistic === undefined || !isStatistic(statistic.text, tag))) {
    const at = statistic?.at ?? cursor.at;
    return { problem: { message: `expected avg, min, max, std or ${expectedPercentile(tag)}`, at } };
  }
  const comparison = cursor.take(/[<>]=?/y);
  if (comparison === undefined) return cursor.problem("expected <, <=, > or >=");
  const number = cursor.take(/[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/iy);
  if (number === undefined) return cursor.problem("expected a number");
  const unit = cursor.take(/[^\s]+/y);
  const factor = unit === undefined ? 1 : factorOf(metric.unit, unit.text);
  if (factor === undefined) {
    const known = Object.keys(unitFactors(metric.unit)).join(", ");
    return { problem: { message: `unknown unit ${unit?.text}: ${name.text} is in ${known}`, at: unit?.at ?? 0 } };
  }
  if (!cursor.isAtEnd) return cursor.problem("expected ; or the end");
  // The pattern takes nothing else.
  const sign = comparison.text as Comparison;
  return { text: part.trim(), tag, statistic: statistic?.text, comparison: sign, bound: scaled(Number(number.text), factor) };
}

function isStatistic(text: string, tag: string): boolean {
  if (["avg", "min", "max", "std"].includes(text)) return true;
  const percentile = percentileNamed(text);
  return percentile !== undefined && (hasAllPercentiles(tag) || PERCENTILES.some((told) => told === percentile));
}

function expectedPercentile(tag: string): string {
  return hasAllPercentiles(tag) ? "a percentile from p0.1 to p99.9, as p99" : `one of p${PERCENTILES.join(", p")}`;
}

/** Of distributions that are made of others, or of time, only those are kept that are told. */
function hasAllPercentiles(tag: string): boolean {
  return [...recordMetrics, ...listMetrics].some((metric) => metric.tag === tag);
}
