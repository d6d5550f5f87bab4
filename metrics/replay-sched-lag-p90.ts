/**
 * How far sends drifted behind a schedule that is replayed: percentile 90 of lateness, less the least of it, of all requests.
 * Undefined but for schedules. Formula and name: AIPerf, `replay_sched_lag_p90`.
 */
import type { RunMetric } from "./metric.ts";
import { scheduleLag } from "./schedule-lag.ts";

export const replaySchedLagP90: RunMetric = {
  tag: "replay_sched_lag_p90",
  header: "Replay Schedule Lag p90",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["no_record"],
  value: (facts) => scheduleLag(facts, "p90"),
};
