import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

const mostCounted = BigInt(Number.MAX_SAFE_INTEGER);

/** What ends a phase. */
export function checkStop({ stop, kind, load, preferredSchedule }: PhaseSpec, at: string, demand: Demand): void {
  const { requestCount, sessionCount, durationSec, failedRequestShare } = stop ?? {};
  const isEnding = requestCount !== undefined || sessionCount !== undefined || durationSec !== undefined;
  // A schedule ends by itself; where one is preferred, the other load gets its end once it is known whether there is one.
  const endsItself = load.case === "schedule" || preferredSchedule !== undefined;
  demand(isEnding || endsItself, `${at}.stop`, "a request count, a session count or a duration is needed");
  for (const [name, count] of [
    ["request_count", requestCount],
    ["session_count", sessionCount],
  ] as const) {
    const isCount = count === undefined || (count >= 1n && count <= mostCounted);
    demand(isCount, `${at}.stop.${name}`, `must be from 1 to ${mostCounted}, got ${count}`);
  }
  const isOne = requestCount === undefined || sessionCount === undefined;
  demand(isOne, `${at}.stop.session_count`, "not together with a request count");
  const isTime = durationSec === undefined || (durationSec > 0 && Number.isFinite(durationSec));
  demand(isTime, `${at}.stop.duration_sec`, `must be above 0, got ${durationSec}`);
  if (failedRequestShare === undefined) return;
  const isShare = failedRequestShare >= 0 && failedRequestShare <= 1;
  demand(isShare, `${at}.stop.failed_request_share`, `must be from 0 to 1, got ${failedRequestShare}`);
  demand(kind !== PhaseKind.WARMUP, `${at}.stop.failed_request_share`, "not in a warm-up: measured requests are counted");
}
