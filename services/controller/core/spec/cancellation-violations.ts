import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

/** Requests given up on purpose. */
export function checkCancellation({ cancellation, kind }: PhaseSpec, at: string, demand: Demand): void {
  if (cancellation === undefined) return;
  const { share, delaySec } = cancellation;
  demand(kind !== PhaseKind.WARMUP, `${at}.cancellation`, "not in a warm-up, whose requests are all to be answered");
  demand(share > 0 && share <= 1, `${at}.cancellation.share`, `must be above 0 and at most 1, got ${share}`);
  const isTime = delaySec >= 0 && Number.isFinite(delaySec);
  demand(isTime, `${at}.cancellation.delay_sec`, `must be at least 0, got ${delaySec}`);
}
