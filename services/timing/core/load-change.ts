import { AssayError } from "../../common/errors.ts";
import { mostAtOnce, mostPerSec } from "../../common/most-load.ts";
import { isIssuedAhead } from "./phase.ts";
import type { PhaseRun } from "./phase-run.ts";

/** What somebody wants of the load of a phase under way; absent: as it is. */
export interface LoadChange {
  /** Position in the run, from 0. */
  readonly phase: number;
  /** Of a closed loop or a ceiling, from 0 to `mostAtOnce`. */
  readonly concurrency?: number | undefined;
  /** Requests that wait for their first token, at least 1. */
  readonly prefill?: number | undefined;
  /** Above 0, and at most `mostPerSec`. */
  readonly ratePerSec?: number | undefined;
  /** True: nothing is issued and the schedule stands still until false. */
  readonly isPaused?: boolean | undefined;
}

/**
 * The phase that is to be changed. Throws `failed_precondition` where another one or none is under way, or where it does not have
 * what is to be changed; `invalid_argument` for a value that is none, or for no change at all.
 */
export function checkChange(change: LoadChange, phase: PhaseRun | undefined): PhaseRun {
  const { concurrency, prefill, ratePerSec, isPaused } = change;
  if (concurrency === undefined && prefill === undefined && ratePerSec === undefined && isPaused === undefined) {
    throw new AssayError("invalid_argument", "nothing is to be changed");
  }
  checkWhole("concurrency", concurrency, 0);
  checkWhole("prefill_concurrency", prefill, 1);
  checkMost("concurrency", concurrency, mostAtOnce);
  if (ratePerSec !== undefined && !(ratePerSec > 0 && Number.isFinite(ratePerSec))) {
    throw new AssayError("invalid_argument", `rate_per_sec must be above 0, got ${ratePerSec}`);
  }
  checkMost("rate_per_sec", ratePerSec, mostPerSec);
  if (phase === undefined || phase.stage !== "issuing") {
    const state = phase === undefined ? "no phase has begun" : `phase ${phase.spec.name} is ${phase.stage}`;
    throw new AssayError("failed_precondition", `phase ${change.phase} cannot be changed: ${state}`);
  }
  const { index, name } = phase.spec;
  if (change.phase !== index) {
    throw new AssayError("failed_precondition", `phase ${change.phase} cannot be changed: phase ${index} (${name}) is under way`);
  }
  const lacking = (what: string) => new AssayError("failed_precondition", `phase ${name} has no ${what} to be changed`);
  if (concurrency !== undefined && isIssuedAhead(phase.spec)) throw lacking("concurrency");
  if (prefill !== undefined && phase.prefill === undefined) throw lacking("prefill concurrency");
  if (ratePerSec !== undefined && !phase.draws.hasRate) throw lacking("rate");
  return phase;
}

function checkMost(name: string, value: number | undefined, most: number): void {
  if (value === undefined || value <= most) return;
  throw new AssayError("invalid_argument", `${name} must be at most ${most}, got ${value}`);
}

function checkWhole(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least)) return;
  throw new AssayError("invalid_argument", `${name} must be at least ${least}, got ${value}`);
}
