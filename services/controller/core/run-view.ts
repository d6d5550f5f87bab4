/** A run as clients see it: how it begins, and what is written down of its phases as it gets on. Pure. */
import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type PhaseIdentity, type Run, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import type { TimingProgress } from "../../../gen/assay/timing/v1/timing_pb.js";
import { maskSecrets } from "../../common/secrets.ts";

/** States of the machine as clients are told them. */
export const wireState = {
  created: RunState.CREATED,
  configuring: RunState.CONFIGURING,
  ready: RunState.READY,
  running: RunState.RUNNING,
  draining: RunState.DRAINING,
  processing: RunState.PROCESSING,
  completed: RunState.COMPLETED,
  failed: RunState.FAILED,
  cancelled: RunState.CANCELLED,
} as const;

export interface NewRun {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly folder: string;
  readonly createTime: Timestamp;
}

/** One that nothing has been done for; secrets masked. */
export function newRun({ runId, spec, folder, createTime }: NewRun): Run {
  return create(RunSchema, {
    name: spec.name,
    runId,
    spec: maskSecrets(spec),
    state: RunState.CREATED,
    folder,
    createTime,
    phases: spec.phases.map(({ name, kind, stop }, index) => ({
      index,
      name,
      kind,
      asked: stop?.requestCount ?? 0n,
      durationSec: stop?.durationSec ?? 0,
    })),
  });
}

/** Writes down what timing's heartbeat says of a phase. Returns whether the run has it. */
export function applyProgress({ phases }: Run, progress: TimingProgress): boolean {
  const phase = phases[progress.phase];
  if (phase === undefined) return false;
  const { drawn, sent, unused, lost, dropped, askedRatePerSec } = progress;
  phase.drawn = drawn;
  phase.sent = sent;
  phase.outstanding = drawn - sent - unused - lost - dropped;
  if (askedRatePerSec === undefined) delete phase.askedRatePerSec;
  else phase.askedRatePerSec = askedRatePerSec;
  return true;
}

/** Writes down that the records of a phase are complete; `identity` undefined: nobody has counted them. */
export function applyClosing({ phases }: Run, index: number, identity: PhaseIdentity | undefined, nowNs: number): void {
  const phase = phases[index];
  if (phase === undefined) return;
  phase.recordsCompleteNs = nowNs;
  if (identity === undefined) return;
  const { drawn, unused, dropped, missingLost } = identity;
  phase.identity = identity;
  phase.drawn = drawn;
  phase.sent = drawn - unused - dropped - missingLost;
  phase.outstanding = 0n;
}

/** Whether any phase has begun whose credits are not all back. */
export function isUnderLoad({ phases }: Run): boolean {
  return phases.some(({ startNs, returningCompleteNs }) => startNs > 0 && returningCompleteNs === 0);
}
