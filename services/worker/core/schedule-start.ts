/** How a dataset's own schedule begins, as far as it tells how many connections it needs. Pure. */
import type { ScheduleLoad } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetHandle } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { unpackTimestampsUs } from "../../common/turn-timestamps.ts";

/** Timestamps of the conversations' first turns, ascending, µs; those without one are left out. */
export function firstTurnsUs(dataset: DatasetHandle): Float64Array {
  const { turnsEach, turnCounts, turnTimestamps } = dataset;
  if (turnTimestamps.length === 0) return new Float64Array(0);
  const counts = turnsEach > 0 ? new Array<number>(Number(dataset.conversations)).fill(turnsEach) : turnCounts;
  const timestampsUs = unpackTimestampsUs(
    turnTimestamps,
    counts.reduce((sum, turns) => sum + turns, 0),
  );
  let ordinal = 0;
  const firstUs = counts.map((turns) => {
    ordinal += turns;
    return timestampsUs[ordinal - turns] ?? Number.NaN;
  });
  return Float64Array.from(firstUs.filter((atUs) => !Number.isNaN(atUs))).sort();
}

/** How many sessions begin within a second of the first that is played. @param firstUs as of `firstTurnsUs` */
export function sessionsOfFirstSecond(load: ScheduleLoad, firstUs: Float64Array): number {
  const { startOffsetMs = Number.NEGATIVE_INFINITY, endOffsetMs = Number.POSITIVE_INFINITY, speedup = 1 } = load;
  const played = firstUs.filter((atUs) => atUs >= startOffsetMs * 1e3 && atUs <= endOffsetMs * 1e3);
  const untilUs = (played[0] ?? Number.NaN) + 1e6 * speedup;
  return played.filter((atUs) => atUs < untilUs).length;
}
