/** What of a spec only its dataset decides: whether a phase follows the dataset's schedule, and the end of one that does not. Pure. */
import { clone, create } from "@bufbuild/protobuf";
import {
  type PhaseSpec,
  type RunSpec,
  RunSpecSchema,
  type ScheduleLoad,
  StopSpecSchema,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError, type FieldViolation } from "../../../common/errors.ts";
import { checkMarkedData } from "./cache-bust-violations.ts";
import type { Demand } from "./demand.ts";
import { runName } from "./run-name.ts";
import { checkSessionDataset } from "./session-load-violations.ts";
import { checkTensorData } from "./tensor-violations.ts";
import { checkTraceInputs } from "./trace-violations.ts";

export interface DecidedSpec {
  readonly spec: RunSpec;
  /** What was decided, and what is suspect, one line each. */
  readonly warnings: readonly string[];
}

/** A wait for the first request beyond this is hardly meant. */
const suspectWaitMs = 60_000;

/**
 * @param given with defaults; not changed
 * @param info undefined: the dataset is not looked at before the run
 * @throws `invalid_argument` for a load that the dataset cannot be played by
 */
export function withDataset(given: RunSpec, info: DatasetInfo | undefined): DecidedSpec {
  const spec = clone(RunSpecSchema, given);
  const warnings: string[] = [];
  const isOwnName = given.name === runName(given);
  for (const phase of spec.phases) {
    const { preferredSchedule } = phase;
    delete phase.preferredSchedule;
    if (preferredSchedule === undefined) continue;
    if (info?.beginsWithTimestamp) {
      phase.load = { case: "schedule", value: preferredSchedule };
      warnings.push(`phase ${phase.name} follows the timestamps of the file (--no-fixed-schedule does not)`);
    } else addEnd(phase);
  }
  if (info !== undefined) {
    const violations: FieldViolation[] = [];
    const demand: Demand = (isGood, field, description) => {
      if (!isGood) violations.push({ field, description });
    };
    checkSessionDataset(spec, info, demand);
    checkTraceInputs(spec, info, demand);
    checkMarkedData(spec, info, demand);
    checkTensorData(spec, info, demand);
    if (violations.length > 0) {
      const lines = violations.map(({ field, description }) => `${field}: ${description}`);
      throw new AssayError("invalid_argument", lines.join("; "), { reason: "INVALID_RUN_SPEC", violations });
    }
    for (const { name, load } of spec.phases) {
      const waitMs = load.case === "schedule" ? waitOf(load.value, info) : 0;
      if (waitMs > suspectWaitMs) {
        warnings.push(
          `phase ${name}: the first request is due ${Math.round(waitMs / 1e3)} s after its start; an automatic offset starts at once`,
        );
      }
    }
  }
  if (isOwnName) spec.name = runName(spec);
  return { spec, warnings };
}

/** AIPerf's rule: without a count or a duration, enough requests for every slot to be used twice. */
function addEnd(phase: PhaseSpec): void {
  const { requestCount, sessionCount, durationSec } = phase.stop ?? {};
  if (requestCount !== undefined || sessionCount !== undefined || durationSec !== undefined) return;
  const atOnce = phase.load.case === "concurrency" ? phase.load.value.limit : 1;
  phase.stop = create(StopSpecSchema, { ...phase.stop, requestCount: BigInt(Math.max(10, 2 * atOnce)) });
}

/** From the start of the phase to its first request, as far as the least timestamp tells. */
function waitOf(
  { autoOffset, startOffsetMs, speedup = 1, idleGapCapSec }: ScheduleLoad,
  { firstTimestampMs }: DatasetInfo,
): number {
  if (autoOffset || startOffsetMs !== undefined) return 0;
  return Math.min(firstTimestampMs / speedup, (idleGapCapSec ?? Number.POSITIVE_INFINITY) * 1e3);
}
