/** What a run is called that nobody gave a name. Pure. */
import { builtInEndpoints } from "../../../../endpoints/catalog.ts";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec, RateLoad, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";

/** AIPerf's rule for folder names: model, endpoint and the stimulus of the first measured phase. */
export function runName(spec: RunSpec): string {
  const model = (spec.models[0] ?? "model").replaceAll("/", "_") + (spec.models.length > 1 ? "_multi" : "");
  const phase = spec.phases.find((candidate) => candidate.kind === PhaseKind.PROFILING) ?? spec.phases[0];
  const type = spec.endpoint?.type ?? "chat";
  return `${model}-${builtInEndpoints.names.includes(type) ? `openai-${type}` : type}-${phase === undefined ? "load" : loadName(phase)}`;
}

function loadName({ load }: PhaseSpec): string {
  switch (load.case) {
    case "concurrency":
      return `concurrency${load.value.limit}`;
    case "rate":
      return rateName(load.value);
    case "schedule":
      return "fixed_schedule";
    case "userCentric":
      return `user_centric-users${load.value.users}-qps${floatText(load.value.ratePerSec)}`;
    default:
      return "load";
  }
}

function rateName({ ratePerSec, bursts, series, concurrencyCeiling }: RateLoad): string {
  const ceiling = concurrencyCeiling === undefined ? "" : `concurrency${concurrencyCeiling}-`;
  if (bursts !== undefined) return `${ceiling}bursts${bursts.size}`;
  return `${ceiling}${series.length > 0 ? "request_rate_series" : `request_rate${floatText(ratePerSec)}`}`;
}

/** As Python prints a float, which a rate is to AIPerf: `10.0`. */
function floatText(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
