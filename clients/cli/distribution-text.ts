/** Distributions of lengths as one writes them on a command line, as fields of the RunSpec's messages. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";

/** What a text stands for, or what was expected. */
export type ReadDistribution<T> = { readonly value: T } | { readonly expected: string };

export const distributionForms =
  "fixed:N, normal:mean=N,stddev=N, lognormal:mean=N,median=N, uniform:min=N,max=N (all but fixed and uniform also min, max), multimodal:MEAN|SD:WEIGHT;… or empirical:N:WEIGHT;…";

const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  normal: ["mean", "stddev", "min", "max"],
  lognormal: ["mean", "median", "min", "max"],
  uniform: ["min", "max"],
};

/** A `Distribution` in proto JSON. */
export function readDistribution(text: string): ReadDistribution<JsonObject> {
  const expected = { expected: distributionForms };
  const [, kind = "", rest = ""] = /^([a-z]+):(.+)$/.exec(text.trim()) ?? [];
  if (kind === "fixed") {
    const mean = numberOf(rest);
    return mean === undefined ? expected : { value: { mean } };
  }
  if (kind === "multimodal" || kind === "empirical") {
    const rows = rest.split(";").map((row) => (kind === "multimodal" ? peakOf(row) : pointOf(row)));
    if (rows.some((row) => row === undefined)) return expected;
    return { value: { kind, [kind === "multimodal" ? "peaks" : "points"]: rows.filter((row) => row !== undefined) } };
  }
  const fields = fieldsOf[kind];
  const read = fields && fieldsIn(rest, fields);
  return read === undefined ? expected : { value: { kind, ...read } };
}

function fieldsIn(text: string, known: readonly string[]): JsonObject | undefined {
  const fields: JsonObject = {};
  for (const part of text.split(",")) {
    const [name = "", given = ""] = part.split("=");
    const value = numberOf(given);
    if (!known.includes(name) || value === undefined || fields[name] !== undefined) return undefined;
    fields[name] = value;
  }
  return fields;
}

function peakOf(text: string): JsonObject | undefined {
  const [length = "", weightText = ""] = text.split(":");
  const peak = lengthOf(length);
  const weight = numberOf(weightText);
  return peak === undefined || weight === undefined ? undefined : { ...peak, weight };
}

function pointOf(text: string): JsonObject | undefined {
  const [valueText = "", weightText = ""] = text.split(":");
  const value = numberOf(valueText);
  const weight = numberOf(weightText);
  return value === undefined || weight === undefined ? undefined : { value, weight };
}

const mixForms =
  'pairs of lengths and their percentages, which sum to 100: "256,128:40;512|20,256|10:60", "[(256,128):40,(512|20,256|10):60]" or {"pairs":[{"isl":256,"osl":128,"prob":40},…]}';

/** How far the percentages may be off 100, as in AIPerf. */
const percentTolerance = 0.01;

/** Rows of `SyntheticDataset.length_mix` in proto JSON, in any of AIPerf's three spellings of `--seq-dist`. */
export function readLengthMix(text: string): ReadDistribution<readonly JsonObject[]> {
  const trimmed = text.trim();
  const rows = trimmed.startsWith("{") ? jsonRows(trimmed) : trimmed.startsWith("[") ? bracketRows(trimmed) : plainRows(trimmed);
  if (rows === undefined || rows.length === 0) return { expected: mixForms };
  const sum = rows.reduce((total, { weight }) => total + weight, 0);
  if (Math.abs(sum - 100) > percentTolerance)
    return { expected: `percentages that sum to 100, not to ${Number(sum.toFixed(2))}` };
  return { value: rows.map(({ input, output, weight }) => ({ input_tokens: input, output_tokens: output, weight })) };
}

interface MixRow {
  readonly input: JsonObject;
  readonly output: JsonObject;
  readonly weight: number;
}

function plainRows(text: string): MixRow[] | undefined {
  return allRows(text.split(";").map((row) => /^([^,:]+),([^,:]+):([^:]+)$/.exec(row.trim())));
}

function bracketRows(text: string): MixRow[] | undefined {
  const inner = /^\[(.*)\]$/.exec(text)?.[1];
  const found = inner === undefined ? [] : [...inner.matchAll(/\(([^,()]+),([^,()]+)\)\s*:\s*([^,()]+?)\s*(?:,|$)/g)];
  const isWhole =
    inner !== undefined &&
    found
      .map(([whole]) => whole)
      .join("")
      .replaceAll(/\s/g, "") === inner.replaceAll(/\s/g, "");
  return isWhole ? allRows(found) : undefined;
}

function allRows(matches: readonly (RegExpExecArray | null)[]): MixRow[] | undefined {
  const rows = matches.map((match) => match && rowOf(lengthOf(match[1]), lengthOf(match[2]), numberOf(match[3])));
  return rows.every((row) => row !== null && row !== undefined) ? rows : undefined;
}

function jsonRows(text: string): MixRow[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const pairs: unknown = isObject(parsed) ? parsed.pairs : undefined;
  if (!Array.isArray(pairs)) return undefined;
  const rows = pairs.map((pair: unknown) => {
    if (!isObject(pair)) return undefined;
    const { isl, isl_stddev: islSpread = 0, osl, osl_stddev: oslSpread = 0, prob } = pair;
    return rowOf(spread(isl, islSpread), spread(osl, oslSpread), typeof prob === "number" ? prob : undefined);
  });
  return rows.every((row) => row !== undefined) ? rows : undefined;
}

function rowOf(input: JsonObject | undefined, output: JsonObject | undefined, weight: number | undefined): MixRow | undefined {
  return input === undefined || output === undefined || weight === undefined ? undefined : { input, output, weight };
}

function spread(mean: unknown, stddev: unknown): JsonObject | undefined {
  if (typeof mean !== "number" || typeof stddev !== "number") return undefined;
  return { mean, ...(stddev === 0 ? {} : { stddev }) };
}

/** `256` or `256|10`. */
function lengthOf(text = ""): JsonObject | undefined {
  const [mean, stddev, ...more] = text.split("|").map(numberOf);
  if (mean === undefined || more.length > 0 || (text.includes("|") && stddev === undefined)) return undefined;
  return spread(mean, stddev ?? 0);
}

function numberOf(text = ""): number | undefined {
  const trimmed = text.trim();
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
