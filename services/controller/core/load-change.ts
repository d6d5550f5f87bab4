/** Changes of a run's load under way: which may be passed on to timing, and how they are told. Pure. */
import { type PhaseProgress, type Run, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import type { AdjustPhase } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../../common/errors.ts";

/** Throws `failed_precondition` unless this phase runs, `invalid_argument` for a concurrency of 0. Timing checks the rest. */
export function checkAdjustable({ runId, state, phase, phases }: Run, { phase: wanted, concurrency }: AdjustPhase): void {
  if (concurrency === 0)
    throw new AssayError("invalid_argument", "concurrency: must be at least 1, got 0; to send nothing, pause");
  if (state !== RunState.RUNNING) {
    const name = (RunState[state] ?? "unknown").toLowerCase();
    throw new AssayError("failed_precondition", `run ${runId} is ${name}: no phase issues requests`);
  }
  const running = phases.findIndex(({ name }) => name === phase);
  if (wanted === running) return;
  throw new AssayError("failed_precondition", `phase ${wanted} of run ${runId} does not run: phase ${running} (${phase}) does`);
}

/** Writes down what a phase runs under from now on. */
export function applyChange(phase: PhaseProgress, change: AdjustPhase): void {
  if (change.ratePerSec !== undefined) phase.ratePerSec = change.ratePerSec;
  if (change.concurrency !== undefined) phase.concurrency = change.concurrency;
  if (change.prefillConcurrency !== undefined) phase.prefillConcurrency = change.prefillConcurrency;
  if (change.isPaused !== undefined) phase.isPaused = change.isPaused;
}

/** One line for the run's timeline: `phase profiling: rate 50 per second, concurrency 8; asked by ann@laptop`. */
export function loadChangeText({ phases }: Run, change: AdjustPhase): string {
  const { phase, concurrency, prefillConcurrency, ratePerSec, isPaused, requestedBy } = change;
  const parts = [
    ...(ratePerSec === undefined ? [] : [`rate ${ratePerSec} per second`]),
    ...(concurrency === undefined ? [] : [`concurrency ${concurrency}`]),
    ...(prefillConcurrency === undefined ? [] : [`prefill concurrency ${prefillConcurrency}`]),
    ...(isPaused === undefined ? [] : [isPaused ? "paused" : "resumed"]),
  ];
  return `phase ${phases[phase]?.name ?? phase}: ${parts.join(", ")}; asked by ${requestedBy === "" ? "a client" : requestedBy}`;
}
