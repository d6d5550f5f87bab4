import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec, RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { FailureLimit } from "./core/failure-watch.ts";

/** Fewer requests say nothing of a share. */
const leastRequests = 10;

/** What a spec says of the share of its phases' requests that may fail. */
export function failureLimitsOf({ phases }: RunSpec): FailureLimit[] {
  return phases.flatMap((phase, index) => {
    const share = phase.stop?.failedRequestShare;
    if (share === undefined || phase.kind === PhaseKind.WARMUP) return [];
    return [{ phase: index, share, leastCount: Math.max(leastRequests, concurrencyOf(phase)) }];
  });
}

function concurrencyOf({ load }: PhaseSpec): number {
  switch (load.case) {
    case "concurrency":
      return load.value.limit;
    case "rate":
      return load.value.concurrencyCeiling ?? 0;
    case "userCentric":
      return load.value.users;
    default:
      return 0;
  }
}
