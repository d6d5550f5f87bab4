/** What the options of `assay runs timeline` mean. Pure. */
import type { GivenOptions } from "../asked.ts";
import type { runsTimelineFlags } from "./flags.ts";
import { problemsOfFormat } from "./output-format.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const mostMs = 4_294_967_295;

/** Whole milliseconds of `1s`, `250ms`, `2m` or of seconds; undefined for another text, for less than 1 ms, and for more than 49 days. */
export function stepMs(text: string): number | undefined {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (unitMs[unit] ?? Number.NaN));
  return ms >= 1 && ms <= mostMs ? ms : undefined;
}

/** What is wrong with options, one line each. */
export function problemsOfTimeline(given: GivenOptions<typeof runsTimelineFlags>): string[] {
  const { step } = given.options;
  const isStep = step === undefined || stepMs(step) !== undefined;
  return [...problemsOfFormat(given), ...(isStep ? [] : [`--step: must be a time as 1s, 250ms or 2m, got ${step}`])];
}
