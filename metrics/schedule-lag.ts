/** How far the sends of a replayed schedule drifted behind it: what the metrics `replay_sched_*` share. */
import { lateness } from "./lateness.ts";
import type { RunFacts } from "./metric.ts";

/** A percentile of lateness less the least of it, ms; undefined where no schedule was replayed. */
export function scheduleLag({ isReplay, statistics }: RunFacts, percentile: "p50" | "p90" | "p99"): number | undefined {
  const found = isReplay ? statistics(lateness.tag) : undefined;
  return found && found[percentile] - found.min;
}
