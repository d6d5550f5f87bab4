/** The load of a run in vLLM's words. Pure. */
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { ArrivalPattern, type RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { Float, type JsonObject } from "./json-text.ts";

/** Of the first measured phase: `inf` where no rate was asked for; burstiness 1 is Poisson, `inf` constant. */
export function trafficOf({ phases }: RunSpec): JsonObject {
  const load = phases.find(({ kind }) => kind !== PhaseKind.WARMUP)?.load;
  const rate = load?.case === "rate" ? load.value : undefined;
  const ceiling = load?.case === "concurrency" ? load.value.limit : rate?.concurrencyCeiling;
  return {
    request_rate: rate !== undefined && rate.ratePerSec > 0 ? new Float(rate.ratePerSec) : "inf",
    burstiness: rate?.pattern === ArrivalPattern.CONSTANT ? "inf" : new Float(rate?.smoothness ?? 1),
    max_concurrency: ceiling ?? null,
  };
}
