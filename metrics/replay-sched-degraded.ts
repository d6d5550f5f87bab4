/**
 * 1 where `replay_sched_lag_p99` is above 500 ms, else 0. Undefined but for schedules. Name: AIPerf, `replay_sched_degraded`.
 */
import type { RunMetric } from "./metric.ts";
import { scheduleLag } from "./schedule-lag.ts";

export const replaySchedDegraded: RunMetric = {
  tag: "replay_sched_degraded",
  header: "Replay Schedule Degraded",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: false,
  group: "hidden",
  flags: ["no_record"],
  value: (facts) => {
    const lagMs = scheduleLag(facts, "p99");
    return lagMs === undefined ? undefined : Number(lagMs > 500);
  },
};
