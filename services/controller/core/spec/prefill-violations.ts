import type { PhaseSpec, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

/** A bound on the requests that wait for their first token. */
export function checkPrefill({ prefillConcurrency, load }: PhaseSpec, { endpoint }: RunSpec, at: string, demand: Demand): void {
  if (prefillConcurrency === undefined) return;
  const field = `${at}.prefill_concurrency`;
  demand(prefillConcurrency >= 1, field, `must be at least 1, got ${prefillConcurrency}`);
  demand(endpoint?.streaming === true, field, "needs streaming: an answer in one piece has no first token");
  const isBounded = load.case === "concurrency" || load.case === "rate";
  demand(load.case === undefined || isBounded, field, "needs a concurrency or a rate as load");
  const concurrency =
    load.case === "concurrency" ? load.value.limit : load.case === "rate" ? load.value.concurrencyCeiling : undefined;
  const isWithin = concurrency === undefined || prefillConcurrency <= concurrency;
  demand(isWithin, field, `must be at most the concurrency ${concurrency}, got ${prefillConcurrency}`);
}
