/** Loads whose sessions have times of their own: the dataset's schedule, and users who wait between their turns. Pure. */
import {
  type PhaseSpec,
  type RunSpec,
  Sampling,
  type ScheduleLoad,
  type UserCentricLoad,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { isBeyond, mostAtOnce, mostPerSec } from "../../../common/most-load.ts";
import type { Demand } from "./demand.ts";

export function checkSchedule(load: ScheduleLoad, at: string, demand: Demand): void {
  const { startOffsetMs, endOffsetMs, autoOffset, speedup = 1, idleGapCapSec } = load;
  const isMoment = (ms: number | undefined): boolean => ms === undefined || (ms >= 0 && Number.isFinite(ms));
  demand(isMoment(startOffsetMs), `${at}.start_offset_ms`, `must be at least 0, got ${startOffsetMs}`);
  demand(isMoment(endOffsetMs), `${at}.end_offset_ms`, `must be at least 0, got ${endOffsetMs}`);
  const isAscending = startOffsetMs === undefined || endOffsetMs === undefined || startOffsetMs <= endOffsetMs;
  demand(isAscending, `${at}.end_offset_ms`, `must be at least the start offset ${startOffsetMs}, got ${endOffsetMs}`);
  demand(!autoOffset || startOffsetMs === undefined, `${at}.auto_offset`, "not together with a start offset");
  demand(speedup > 0 && Number.isFinite(speedup), `${at}.speedup`, `must be above 0, got ${speedup}`);
  const isGap = idleGapCapSec === undefined || (idleGapCapSec > 0 && Number.isFinite(idleGapCapSec));
  demand(isGap, `${at}.idle_gap_cap_sec`, `must be above 0, got ${idleGapCapSec}`);
  checkCeiling(load, at, demand);
}

export function checkUserCentric(load: UserCentricLoad, at: string, demand: Demand): void {
  const { users, ratePerSec } = load;
  demand(users >= 1, `${at}.users`, `must be at least 1, got ${users}`);
  demand(!isBeyond(users, mostAtOnce), `${at}.users`, `must be at most ${mostAtOnce}, got ${users}`);
  demand(ratePerSec > 0 && Number.isFinite(ratePerSec), `${at}.rate_per_sec`, `must be above 0, got ${ratePerSec}`);
  demand(!isBeyond(ratePerSec, mostPerSec), `${at}.rate_per_sec`, `must be at most ${mostPerSec}, got ${ratePerSec}`);
  checkCeiling(load, at, demand);
}

function checkCeiling({ concurrencyCeiling }: Pick<ScheduleLoad, "concurrencyCeiling">, at: string, demand: Demand): void {
  const isCeiling = concurrencyCeiling === undefined || concurrencyCeiling >= 1;
  demand(isCeiling, `${at}.concurrency_ceiling`, `must be at least 1, got ${concurrencyCeiling}`);
}

/** What such a load asks of the dataset's spec. */
export function checkSessionData({ dataset, phases }: RunSpec, demand: Demand): void {
  const source = dataset?.source;
  const isDrawnByWeight = dataset?.sampling === Sampling.WEIGHTED && source?.case !== "file";
  demand(!isDrawnByWeight, "dataset.sampling", "weighted draws need the weights of a file's rows");
  phases.forEach(({ load }, index) => {
    const at = `phases[${index}]`;
    if (load.case === "schedule") {
      demand(source?.case === "file", `${at}.schedule`, "needs the timestamps of a file");
      const isInOrder = dataset?.sampling === Sampling.SEQUENTIAL;
      demand(isInOrder, "dataset.sampling", "must be sequential: a schedule sends every conversation once, at its time");
    }
    if (load.case === "userCentric" && source?.case === "synthetic") {
      const mean = source.value.turns?.mean ?? 1;
      demand(mean >= 2, `${at}.user_centric`, `needs conversations of at least 2 turns in the mean, got ${mean}`);
    }
  });
}

/** What such a load asks of the dataset itself. */
export function checkSessionDataset({ dataset, phases }: RunSpec, info: DatasetInfo, demand: Demand): void {
  const isWeighted = dataset?.sampling === Sampling.WEIGHTED;
  demand(!isWeighted || info.hasWeights, "dataset.sampling", "weighted draws need rows with a weight, and none has one");
  phases.forEach(({ load }, index) => {
    const at = `phases[${index}]`;
    if (load.case === "schedule") checkTimes(load.value, info, `${at}.schedule`, demand);
    if (load.case !== "userCentric") return;
    const mean = Number(info.rootTurns) / Number(info.rootConversations);
    const isMultiTurn = Math.round(mean) >= 2;
    demand(isMultiTurn, `${at}.user_centric`, `needs conversations of at least 2 turns in the mean, got ${mean.toFixed(2)}`);
  });
}

/** What of the dataset's time the phases may replay: what `checkSessionDataset` needs counted. */
export function scheduleWindows(phases: readonly PhaseSpec[]): { startMs?: number; endMs?: number }[] {
  return phases
    .flatMap(({ load, preferredSchedule }) => [load.case === "schedule" ? load.value : undefined, preferredSchedule])
    .filter((schedule) => schedule !== undefined)
    .map(({ startOffsetMs: startMs, endOffsetMs: endMs }) => ({
      ...(startMs === undefined ? {} : { startMs }),
      ...(endMs === undefined ? {} : { endMs }),
    }));
}

function checkTimes({ startOffsetMs, endOffsetMs }: ScheduleLoad, info: DatasetInfo, at: string, demand: Demand): void {
  const { rootConversations, timedConversations, firstTimestampMs, lastTimestampMs } = info;
  const untimed = rootConversations - timedConversations;
  const lacking = `needs a timestamp at the first turn of every conversation; ${untimed} of ${rootConversations} have none`;
  demand(untimed === 0n, at, lacking);
  if (untimed > 0n) return;
  const range = `the file's timestamps are from ${firstTimestampMs} to ${lastTimestampMs} ms`;
  const isBegun = (startOffsetMs ?? 0) <= lastTimestampMs;
  demand(isBegun, `${at}.start_offset_ms`, `${range}, got ${startOffsetMs}`);
  const isReached = endOffsetMs === undefined || endOffsetMs >= firstTimestampMs;
  demand(isReached, `${at}.end_offset_ms`, `${range}, got ${endOffsetMs}`);
  const counted = info.windows.find(({ window }) => window?.startMs === startOffsetMs && window?.endMs === endOffsetMs);
  if (counted === undefined || !isBegun || !isReached) return;
  const { sessions, beforeMs, afterMs } = counted;
  const nearest = [beforeMs, afterMs].filter((ms) => ms !== undefined).join(" and ");
  const gap = `no conversation begins from ${startOffsetMs ?? 0} to ${endOffsetMs ?? lastTimestampMs} ms, the nearest at ${nearest} ms`;
  demand(sessions > 0n, `${at}.${endOffsetMs === undefined ? "start_offset_ms" : "end_offset_ms"}`, gap);
}
