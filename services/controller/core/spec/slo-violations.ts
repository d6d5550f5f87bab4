import type { Endpoint } from "../../../../endpoints/endpoint.ts";
import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { listMetrics, metricsByTag, networkAdjustedMetrics, recordMetrics, runMetrics } from "../../../../metrics/catalog.ts";
import { correctRequestCount } from "../../../../metrics/correct-request-count.ts";
import { correctRequestRate } from "../../../../metrics/correct-request-rate.ts";
import { e2eOutputTokenThroughput } from "../../../../metrics/e2e-output-token-throughput.ts";
import { goodRequestCount } from "../../../../metrics/good-request-count.ts";
import { goodRequestFraction } from "../../../../metrics/good-request-fraction.ts";
import { goodput } from "../../../../metrics/goodput.ts";
import { incorrectRequestCount } from "../../../../metrics/incorrect-request-count.ts";
import { interTokenLatency } from "../../../../metrics/inter-token-latency.ts";
import type { RecordMetric } from "../../../../metrics/metric.ts";
import { networkRtt } from "../../../../metrics/network-rtt.ts";
import { oslMismatchDiffPct } from "../../../../metrics/osl-mismatch-diff-pct.ts";
import { outputSequenceLength } from "../../../../metrics/output-sequence-length.ts";
import { outputTokenCount } from "../../../../metrics/output-token-count.ts";
import { outputTokenThroughputPerUser } from "../../../../metrics/output-token-throughput-per-user.ts";
import { reasoningTokenCount } from "../../../../metrics/reasoning-token-count.ts";
import { requestedOsl } from "../../../../metrics/requested-osl.ts";
import { tokensPerChunk } from "../../../../metrics/tokens-per-chunk.ts";
import { shortNames, tagNamed } from "../../../common/metric-names.ts";
import { didYouMean } from "../../../common/nearest.ts";
import { readObjectives } from "../../../common/objective.ts";
import { shownProblem } from "../../../common/text-cursor.ts";
import { hasNoLength } from "./answer-length.ts";
import type { Demand } from "./demand.ts";

/**
 * Objectives for single requests, short names already made tags: metrics that requests of this run have, each once, with a threshold.
 * @param endpoint of the run; undefined: there is none of its name
 */
export function checkSlos(spec: RunSpec, endpoint: Endpoint | undefined, demand: Demand): void {
  const seen = new Set<string>();
  spec.slos.forEach(({ metric, threshold }, index) => {
    const at = `slos[${index}]`;
    const known = recordMetrics.find(({ tag }) => tag === metric);
    demand(known !== undefined, `${at}.metric`, unknownMetric(metric, spec, endpoint));
    const problem = known && inapplicable(known, spec, endpoint);
    demand(problem === undefined, `${at}.metric`, `${metric} ${problem}`);
    demand(!seen.has(metric), `${at}.metric`, `must be of different metrics, got ${metric} again`);
    seen.add(metric);
    const isThreshold = Number.isFinite(threshold) && threshold >= 0;
    demand(isThreshold, `${at}.threshold`, `must be at least 0, got ${threshold}`);
  });
}

function unknownMetric(metric: string, spec: RunSpec, endpoint: Endpoint | undefined): string {
  const isOfSeveral = [...listMetrics, ...runMetrics].some(({ tag }) => tag === metric);
  if (isOfSeveral) return `must be a metric that each request has one value of, got ${metric}`;
  const fitting = recordMetrics
    .filter((candidate) => inapplicable(candidate, spec, endpoint) === undefined)
    .map(({ tag }) => tag);
  const meant = didYouMean(metric, [...fitting, ...Object.keys(shortNames).filter((name) => fitting.includes(tagNamed(name)))]);
  return `must be a metric of requests, got ${JSON.stringify(metric)}${meant}`;
}

/** Why no request that can be good has a value of the metric; undefined: some may have one. */
function inapplicable({ tag, flags = [] }: RecordMetric, { endpoint }: RunSpec, known: Endpoint | undefined): string | undefined {
  if (flags.includes("error_only")) return "is of failed requests, which are never good";
  if (lengthMetrics.has(tag) && known !== undefined && hasNoLength(known)) {
    return `is of answers' tokens: answers of ${known.name} are ${known.produces}, and have none`;
  }
  if (flags.includes("streaming") && endpoint?.streaming !== true) return "needs streaming";
  return undefined;
}

/** Metrics that are made of an answer's length in tokens. */
const lengthMetrics: ReadonlySet<string> = new Set(
  [
    outputSequenceLength,
    outputTokenCount,
    reasoningTokenCount,
    requestedOsl,
    oslMismatchDiffPct,
    e2eOutputTokenThroughput,
    interTokenLatency,
    outputTokenThroughputPerUser,
    tokensPerChunk,
  ].map(({ tag }) => tag),
);

/** Objectives for the figures of the run: each can be read, and names figures that this run has. */
export function checkObjectives({ objectives, endpoint, slos, dataset, output }: RunSpec, demand: Demand): void {
  const hasNetworkLatency = output?.networkLatencyMs !== undefined || output?.measureNetworkLatency === true;
  const isChecked = dataset?.check !== undefined || dataset?.source.case === "file";
  objectives.forEach((text, index) => {
    const at = `objectives[${index}]`;
    const read = readObjectives(text);
    if ("problem" in read) {
      demand(false, at, shownProblem(text, read.problem));
      return;
    }
    for (const { tag } of read.objectives) {
      const { flags = [] } = metricsByTag.get(tag) ?? {};
      demand(!flags.includes("streaming") || endpoint?.streaming === true, at, `${tag} needs streaming`);
      demand(!goodMetrics.has(tag) || slos.length > 0, at, `${tag} needs bounds for requests (slos)`);
      demand(
        !networkMetrics.has(tag) || hasNetworkLatency,
        at,
        `${tag} needs the network's round trip (output.network_latency_ms)`,
      );
      demand(!checkMetrics.has(tag) || isChecked, at, `${tag} needs answers that are checked (dataset.check)`);
    }
  });
}

/** There are good requests only where something says what is good. */
const goodMetrics: ReadonlySet<string> = new Set([goodRequestCount.tag, goodRequestFraction.tag, goodput.tag]);

/** Latencies less the network's are known only where that is. */
const networkMetrics: ReadonlySet<string> = new Set([...networkAdjustedMetrics, networkRtt].map(({ tag }) => tag));

/** There are right and wrong answers only where something is expected of them. */
const checkMetrics: ReadonlySet<string> = new Set([correctRequestCount.tag, incorrectRequestCount.tag, correctRequestRate.tag]);
