/** How figures and records are printed: `--format`, or `--json` for short. Pure. */
import type { Origin } from "../asked.ts";

export type OutputFormat = "table" | "json" | "csv";

export interface FormatOptions {
  readonly format?: OutputFormat | undefined;
  readonly json?: boolean | undefined;
}

export function formatOf({ format, json }: FormatOptions): OutputFormat {
  return format ?? (json === true ? "json" : "table");
}

/** Two formats that are asked for, unless an option overrules `json` of the environment. */
export function problemsOfFormat({
  options: { format, json },
  origins,
}: {
  readonly options: FormatOptions;
  readonly origins: ReadonlyMap<string, Origin>;
}): string[] {
  const isOne = json !== true || format === undefined || format === "json";
  const isOverruled = origins.get("json") === "environment" && origins.get("format") === "argument";
  return isOne || isOverruled ? [] : [`--json: not together with --format ${format}`];
}
