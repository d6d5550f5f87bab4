/**
 * What a run is held to (`--slo`): `ttft:p99 < 500ms; error_rate < 1%`, from text to bounds on figures of a phase. Pure.
 *
 * objectives = objective { ";" objective }; objective = metric [ ":" statistic ] ( "<" | "<=" | ">" | ">=" ) number [ unit ].
 * A metric is a tag of the catalog or one of `shortNames`; a distribution needs a statistic, a value of the whole run has none.
 */
import { listMetrics, metricsByTag, recordMetrics } from "../../metrics/catalog.ts";
import type { MetricUnit } from "../../metrics/metric.ts";
import { didYouMean } from "./nearest.ts";

export type Comparison = "<" | "<=" | ">" | ">=";

/** A bound on one figure of a phase. */
export interface Objective {
  /** As it was written, trimmed. */
  readonly text: string;
  readonly tag: string;
  /** `avg`, `min`, `max`, `std` or a percentile, as `p99` or `p99.9`; undefined: the metric is one value of the whole run. */
  readonly statistic: string | undefined;
  readonly comparison: Comparison;
  /** In the metric's unit. */
  readonly bound: number;
}

/** What is wrong with a text, and where: `at` is the place of the first character that does not fit. */
export interface ObjectiveProblem {
  readonly message: string;
  readonly at: number;
}

export type ObjectivesRead = { readonly objectives: readonly Objective[] } | { readonly problem: ObjectiveProblem };

/** Names for what people ask most, beside the tags. */
export const shortNames: Readonly<Record<string, string>> = {
  ttft: "time_to_first_token",
  ttst: "time_to_second_token",
  ttfot: "time_to_first_output_token",
  itl: "inter_token_latency",
  tpot: "inter_token_latency",
  icl: "inter_chunk_latency",
  latency: "request_latency",
  e2e: "request_latency",
  isl: "input_sequence_length",
  osl: "output_sequence_length",
  error_rate: "request_error_rate",
  rps: "request_throughput",
  tps: "output_token_throughput",
};

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

/** The message with the text below it, and a caret under what does not fit. */
export function shownProblem(text: string, { message, at }: ObjectiveProblem): string {
  return `${message}\n    ${text.replaceAll(/\s/g, " ")}\n    ${" ".repeat(at)}^`;
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

type Read = Objective | { readonly problem: ObjectiveProblem };

function readObjective(part: string): Read {
  const cursor = new Cursor(part);
  const name = cursor.take(/[\w.]+/y);
  if (name === undefined) return cursor.problem("expected a metric");
  const tag = shortNames[name.text] ?? name.text;
  const metric = metricsByTag.get(tag);
  if (metric === undefined) {
    const meant = didYouMean(name.text, [...Object.keys(shortNames), ...metricsByTag.keys()]);
    return { problem: { message: `unknown metric ${name.text}${meant}`, at: name.at } };
  }
  const isDistribution = [...recordMetrics, ...listMetrics].some((candidate) => candidate.tag === tag);
  const colon = cursor.take(/:/y);
  if (colon === undefined && isDistribution) return cursor.problem(`expected a statistic of ${name.text}, as :p99 or :avg`);
  if (colon !== undefined && !isDistribution) {
    return { problem: { message: `${name.text} is one value of the whole run and has no statistics`, at: colon.at } };
  }
  const statistic = colon === undefined ? undefined : cursor.take(/[\w.]+/y);
  if (colon !== undefined && (statistic === undefined || !isStatistic(statistic.text))) {
    const at = statistic?.at ?? cursor.at;
    return { problem: { message: "expected avg, min, max, std or a percentile from p0.1 to p99.9, as p99", at } };
  }
  const comparison = cursor.take(/[<>]=?/y);
  if (comparison === undefined) return cursor.problem("expected <, <=, > or >=");
  const number = cursor.take(/[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/iy);
  if (number === undefined) return cursor.problem("expected a number");
  const unit = cursor.take(/[^\s]+/y);
  const factor = unit === undefined ? 1 : unitsOf(metric.unit)[unit.text.replace("μ", "µ")];
  if (factor === undefined) {
    const known = Object.keys(unitsOf(metric.unit)).join(", ");
    return { problem: { message: `unknown unit ${unit?.text}: ${name.text} is in ${known}`, at: unit?.at ?? 0 } };
  }
  if (!cursor.isAtEnd) return cursor.problem("expected ; or the end");
  // The pattern takes nothing else.
  const sign = comparison.text as Comparison;
  return { text: part.trim(), tag, statistic: statistic?.text, comparison: sign, bound: scaled(Number(number.text), factor) };
}

/** Divides by whole numbers, so that 95 % is 0.95 and not the double beside it. */
function scaled(value: number, factor: number): number {
  return factor < 1 ? value / Math.round(1 / factor) : value * factor;
}

function isStatistic(text: string): boolean {
  return ["avg", "min", "max", "std"].includes(text) || percentileNamed(text) !== undefined;
}

interface Token {
  readonly text: string;
  readonly at: number;
}

/** Reads a text from its start, past white space. */
class Cursor {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  get isAtEnd(): boolean {
    return this.at >= this.#text.length;
  }

  /** What a sticky pattern finds here; undefined, and nothing is taken, where it finds nothing. */
  take(pattern: RegExp): Token | undefined {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.#text)?.[0];
    if (text === undefined) return undefined;
    const token = { text, at: this.at };
    this.at += text.length;
    this.#skip();
    return token;
  }

  problem(message: string): { readonly problem: ObjectiveProblem } {
    return { problem: { message, at: Math.min(this.at, this.#text.length) } };
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.at] ?? "")) this.at++;
  }
}

/** What one of each unit is in the metric's own. */
function unitsOf(unit: MetricUnit): Readonly<Record<string, number>> {
  switch (unit) {
    case "ms":
      return { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, sec: 1000, min: 60_000 };
    case "sec":
      return { ms: 1e-3, s: 1, sec: 1, min: 60, h: 3600 };
    case "ns":
      return { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, sec: 1e9 };
    case "ratio":
      return { "%": 0.01 };
    case "requests/sec":
      return { "requests/sec": 1, "req/s": 1, "/s": 1 };
    case "tokens/sec":
      return { "tokens/sec": 1, "tok/s": 1, "/s": 1 };
    case "tokens/sec/user":
      return { "tokens/sec/user": 1, "tok/s/user": 1, "tok/s": 1, "/s": 1 };
    case "tokens":
      return { tokens: 1, tok: 1 };
    case "KB":
      return { B: 1 / 1024, KB: 1, MB: 1024 };
    default:
      return { [unit]: 1 };
  }
}
