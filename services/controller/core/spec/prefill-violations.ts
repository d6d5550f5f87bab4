import type { PhaseSpec, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { atOnceOf } from "./at-once.ts";
import type { Demand } from "./demand.ts";

/** A bound on the requests that wait for their first token. */
export function checkPrefill(phase: PhaseSpec, { endpoint }: RunSpec, at: string, demand: Demand): void {
  const { prefillConcurrency } = phase;
  if (prefillConcurrency === undefined) return;
  const field = `${at}.prefill_concurrency`;
  demand(prefillConcurrency >= 1, field, `must be at least 1, got ${prefillConcurrency}`);
  demand(endpoint?.streaming === true, field, "needs streaming: an answer in one piece has no first token");
  const concurrency = atOnceOf(phase);
  const isWithin = concurrency === undefined || prefillConcurrency <= concurrency;
  demand(isWithin, field, `must be at most the concurrency ${concurrency}, got ${prefillConcurrency}`);
}
