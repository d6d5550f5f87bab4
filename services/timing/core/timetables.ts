/** From a phase whose sessions have times of their own to its timetable. Pure. */
import { ConcurrencyUnit, type ScheduleLoad, type PhaseSpec as WirePhase } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type DatasetShape, rootSampler } from "./dataset-shape.ts";
import { fixedSchedule } from "./fixed-schedule.ts";
import type { Conversations, Load } from "./phase.ts";
import { userCentricLoad } from "./user-centric.ts";

export interface Timetable {
  readonly load: Load & { readonly kind: "timetable" };
  /** The sessions in the order of their times. */
  readonly draw: Conversations["draw"];
}

/**
 * Undefined: the load has none. Throws `invalid_argument` where the dataset has no times for it.
 * @param sessionsBefore sessions that earlier phases have drawn; a schedule plays every conversation whatever was drawn before
 */
export function timetableOf({ load }: WirePhase, dataset: DatasetShape, sessionsBefore: number): Timetable | undefined {
  switch (load.case) {
    case "schedule": {
      const { startOffsetMs, endOffsetMs, autoOffset, speedup, idleGapCapSec } = load.value;
      return fixedSchedule(dataset, {
        startMs: startOffsetMs,
        endMs: endOffsetMs,
        isAutoOffset: autoOffset,
        speedup,
        idleGapCapNs: idleGapCapSec === undefined ? undefined : idleGapCapSec * 1e9,
        ...ceilingOf(load.value),
      });
    }
    case "userCentric": {
      const { users, ratePerSec } = load.value;
      const rootOf = rootSampler(dataset);
      const conversationOf = (user: number): number => rootOf(sessionsBefore + user);
      return userCentricLoad(dataset, { users, ratePerSec, conversationOf, ...ceilingOf(load.value) });
    }
    default:
      return undefined;
  }
}

function ceilingOf({ concurrencyCeiling, ceilingUnit }: Pick<ScheduleLoad, "concurrencyCeiling" | "ceilingUnit">) {
  const unit = ceilingUnit === ConcurrencyUnit.REQUEST ? ("request" as const) : ("session" as const);
  return { concurrency: concurrencyCeiling ?? Number.POSITIVE_INFINITY, unit };
}
