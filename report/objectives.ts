/** What became of a run's objectives, as lines. Pure. */
import type { ObjectiveOutcome } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Paint } from "./paint.ts";
import { figure, harmless, wrap } from "./text.ts";

/** `kept ttft:p99 < 500ms (55.10 ms)`, a line each. */
export function objectiveLines(outcomes: readonly ObjectiveOutcome[], width: number, paint: Paint): string[] {
  return outcomes.flatMap((outcome) => {
    const word = outcome.isKept ? "kept" : "missed";
    const lines = wrap(`Objective ${word}: ${harmless(outcome.text)} (${foundOf(outcome)})`, width);
    return lines.map(outcome.isKept ? paint.green : paint.red);
  });
}

/** The figure with its unit, or that there is none, or none that is finite: failed requests take for ever. */
export function foundOf({ value, unit }: ObjectiveOutcome): string {
  if (value === undefined) return "no value";
  return Number.isFinite(value) ? `${figure(value)} ${unit}` : "endless: too many requests failed";
}
