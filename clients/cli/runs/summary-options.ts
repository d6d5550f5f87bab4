/** What the options of `assay runs summary` ask for together. Pure. */
import type { GivenOptions } from "../asked.ts";
import type { runsSummaryFlags } from "./flags.ts";

type Given = GivenOptions<typeof runsSummaryFlags>;

export function formatOf({ format, json }: Given["options"]): "table" | "json" | "csv" {
  return format ?? (json === true ? "json" : "table");
}

/** Figures are of groups of requests, not the tables of the run. */
export function isGrouped(options: Given["options"]): boolean {
  const { where, by, metrics, statistics } = options;
  return [where, by, metrics, statistics].some((given) => given !== undefined) || formatOf(options) === "csv";
}

/** What is wrong between options. */
export function problemsOfSummary({ options }: Given): string[] {
  if (options.definitions === undefined || !isGrouped(options)) return [];
  return ["--definitions: figures of other tools are of whole phases, not of groups of requests"];
}
