/** Loads whose sessions have times of their own, as options ask for them: a fixed schedule, and users who wait between their turns. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { RunOptions } from "./flags.ts";

/** Whether options name users. */
export function hasUsers({ userCentricRate, numUsers }: RunOptions): boolean {
  return userCentricRate !== undefined || numUsers !== undefined;
}

/** The fields of a schedule that options give. */
export function scheduleOf(options: RunOptions): JsonObject {
  const { scheduleAutoOffset, scheduleStartOffsetMs, scheduleEndOffsetMs, replaySpeedup, idleGapCapSec } = options;
  const schedule: JsonObject = ceilingOf(options);
  if (scheduleAutoOffset !== undefined) schedule.auto_offset = scheduleAutoOffset;
  if (scheduleStartOffsetMs !== undefined) schedule.start_offset_ms = scheduleStartOffsetMs;
  if (scheduleEndOffsetMs !== undefined) schedule.end_offset_ms = scheduleEndOffsetMs;
  if (replaySpeedup !== undefined) schedule.speedup = replaySpeedup;
  if (idleGapCapSec !== undefined) schedule.idle_gap_cap_sec = idleGapCapSec;
  return schedule;
}

/** The fields of a load of users that options give. */
export function usersOf(options: RunOptions): JsonObject {
  const { userCentricRate, numUsers } = options;
  const users: JsonObject = ceilingOf(options);
  if (numUsers !== undefined) users.users = numUsers;
  if (userCentricRate !== undefined) users.rate_per_sec = userCentricRate;
  return users;
}

function ceilingOf({ concurrency, concurrencyUnit }: RunOptions): JsonObject {
  return {
    ...(concurrency === undefined ? {} : { concurrency_ceiling: concurrency }),
    ...(concurrencyUnit === undefined ? {} : { ceiling_unit: `CONCURRENCY_UNIT_${concurrencyUnit.toUpperCase()}` }),
  };
}

/**
 * The schedule that a file's timestamps make where nothing else is asked for; it begins at once, whatever they count from. Undefined:
 * something else is asked for.
 */
export function preferredSchedule(options: RunOptions, isRated: boolean): JsonObject | undefined {
  const { inputFile, replay, fixedSchedule, sampling, mock } = options;
  const isOpen = (inputFile !== undefined || replay !== undefined) && fixedSchedule === undefined && sampling === undefined;
  // The built-in server comes with a load of its own, but not beside a run that has one.
  return isOpen && !isRated && !hasUsers(options) && (!mock || replay !== undefined)
    ? { ...scheduleOf(options), auto_offset: true }
    : undefined;
}

/** Options that a fixed schedule has no place for. */
export const besideSchedule = [
  "requestRate",
  "requestRateSeries",
  "burstSize",
  "arrivalPattern",
  "userCentricRate",
  "numUsers",
  "sampling",
] as const satisfies readonly (keyof RunOptions)[];

/** Options that users have no place for. */
export const besideUsers = [
  "requestRate",
  "requestRateSeries",
  "burstSize",
  "arrivalPattern",
  "concurrencyRampSec",
  "prefillRampSec",
  "rateRampSec",
] as const satisfies readonly (keyof RunOptions)[];
