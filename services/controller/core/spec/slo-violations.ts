import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { listMetrics, recordMetrics, runMetrics } from "../../../../metrics/catalog.ts";
import type { RecordMetric } from "../../../../metrics/metric.ts";
import { didYouMean } from "../../../common/nearest.ts";
import type { Demand } from "./demand.ts";

/** Objectives for single requests: metrics that requests of this run have, each once, with a threshold. */
export function checkSlos(spec: RunSpec, demand: Demand): void {
  const seen = new Set<string>();
  spec.slos.forEach(({ metric, threshold }, index) => {
    const at = `slos[${index}]`;
    const known = recordMetrics.find(({ tag }) => tag === metric);
    demand(known !== undefined, `${at}.metric`, unknownMetric(metric, spec));
    const problem = known && inapplicable(known, spec);
    demand(problem === undefined, `${at}.metric`, `${metric} ${problem}`);
    demand(!seen.has(metric), `${at}.metric`, `must be of different metrics, got ${metric} again`);
    seen.add(metric);
    const isThreshold = Number.isFinite(threshold) && threshold >= 0;
    demand(isThreshold, `${at}.threshold`, `must be at least 0, got ${threshold}`);
  });
}

function unknownMetric(metric: string, spec: RunSpec): string {
  const isOfSeveral = [...listMetrics, ...runMetrics].some(({ tag }) => tag === metric);
  if (isOfSeveral) return `must be a metric that each request has one value of, got ${metric}`;
  const fitting = recordMetrics.filter((candidate) => inapplicable(candidate, spec) === undefined);
  const meant = didYouMean(
    metric,
    fitting.map(({ tag }) => tag),
  );
  return `must be a metric of requests, got ${JSON.stringify(metric)}${meant}`;
}

/** Why no request that can be good has a value of the metric; undefined: some may have one. */
function inapplicable({ flags = [] }: RecordMetric, { endpoint }: RunSpec): string | undefined {
  if (flags.includes("error_only")) return "is of failed requests, which are never good";
  if (flags.includes("streaming") && endpoint?.streaming !== true) return "needs streaming";
  return undefined;
}
