/** What the options of `assay runs summary` ask for together. Pure. */
import type { GivenOptions } from "../asked.ts";
import type { runsSummaryFlags } from "./flags.ts";
import { formatOf, problemsOfFormat } from "./output-format.ts";

type Given = GivenOptions<typeof runsSummaryFlags>;

/** Figures are of groups of requests, not the tables of the run. */
export function isGrouped(options: Given["options"]): boolean {
  const { where, by, metrics, statistics } = options;
  return [where, by, metrics, statistics].some((given) => given !== undefined) || formatOf(options) === "csv";
}

/** What is wrong between options. */
export function problemsOfSummary(given: Given): string[] {
  const isPossible = given.options.definitions === undefined || !isGrouped(given.options);
  return [
    ...problemsOfFormat(given),
    ...(isPossible ? [] : ["--definitions: figures of other tools are of whole phases, not of groups of requests"]),
  ];
}
