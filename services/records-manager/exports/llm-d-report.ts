/**
 * `benchmark_report_v0.2.json`: the measured phases as a benchmark report of llm-d-benchmark, version 0.2, whose readers take JSON as the
 * YAML that it is. The schema allows no other keys; what Assay has beyond it is in the native part of the load. Times are in ms.
 */
import { createHash } from "node:crypto";
import type { JsonValue } from "@bufbuild/protobuf";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { Distribution, RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { outputSequenceLength } from "../../../metrics/output-sequence-length.ts";
import { requestLatency } from "../../../metrics/request-latency.ts";
import { Column } from "../core/column.ts";
import type { PhaseSummary } from "../core/run-summary.ts";
import { type Statistics, statisticsOf } from "../core/statistics.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { fileMetrics } from "./file-metrics.ts";
import { gpuSummaries } from "./gpu-telemetry.ts";
import { Float, type JsonObject, jsonText } from "./json-text.ts";

const VERSION = "0.2";
const TARGET_LABEL = "target";

export const llmDReport: Exporter = (context, write) => {
  const { summary, spec, reader } = context;
  const { runId } = reader.run();
  const measured = summary().phases.find(({ kind }) => kind === "profiling");
  const document = {
    version: VERSION,
    run: { uid: runId, time: timeOf(measured), description: spec.name === "" ? undefined : spec.name },
    scenario: { stack: [targetComponent(spec)], load: loadOf(context, measured) },
    results: {
      request_performance: measured === undefined ? undefined : { aggregate: aggregateOf(context, measured) },
      observability: observabilityOf(context),
    },
  };
  write(jsonText(document, 2));
};

function timeOf(measured: PhaseSummary | undefined): JsonObject | undefined {
  if (measured?.startWallNs === undefined || measured.endWallNs === undefined) return undefined;
  const iso = (wallNs: number): string => new Date(wallNs / 1e6).toISOString();
  const durationSec = (measured.endWallNs - measured.startWallNs) / 1e9;
  return { start: iso(measured.startWallNs), end: iso(measured.endWallNs), duration: `PT${durationSec.toFixed(6)}S` };
}

/** What answers is known by its address and its model alone. */
function targetComponent(spec: RunSpec): JsonObject {
  const config = { models: spec.models, urls: spec.target?.urls.map(({ url }) => url) ?? [] };
  return {
    metadata: { label: TARGET_LABEL, cfg_id: digestOf(JSON.stringify(config)) },
    standardized: { kind: "generic", tool: "unknown", tool_version: "unknown", model: { name: spec.models[0] ?? "" } },
    native: { config },
  };
}

function loadOf({ reader, spec, cliCommand }: ExportContext, measured: PhaseSummary | undefined): JsonObject {
  const { spec: stored, versions } = reader.run();
  const source = spec.dataset?.source;
  const synthetic = source?.case === "synthetic" ? source.value : undefined;
  const turns = synthetic?.turns?.mean ?? 1;
  const load = spec.phases.find(({ kind }) => kind !== PhaseKind.WARMUP)?.load;
  const rate = load?.case === "rate" || load?.case === "userCentric" ? load.value.ratePerSec : 0;
  const limit = load?.case === "concurrency" ? load.value.limit : load?.value?.concurrencyCeiling;
  return {
    metadata: { cfg_id: digestOf(stored) },
    standardized: {
      tool: "assay",
      tool_version: versions.assay ?? "unknown",
      // Texts are cut out of a corpus, or come from a dataset.
      source: source?.case === undefined ? "unknown" : "sampled",
      input_seq_len: lengthOf(synthetic?.inputTokens, averageOf(measured, "input_sequence_length")),
      output_seq_len: synthetic?.outputTokens === undefined ? undefined : lengthOf(synthetic.outputTokens, undefined),
      multi_turn: turns > 1 && synthetic?.turns ? { enabled: true, max_turns: lengthOf(synthetic.turns, undefined) } : undefined,
      rate_qps: rate > 0 ? new Float(rate) : undefined,
      concurrency: limit,
    },
    native: {
      args: cliCommand === "" ? undefined : { command: cliCommand },
      config: JSON.parse(stored) as Exclude<JsonValue, null>,
    },
  };
}

/** What was asked for, or of a dataset whose lengths nobody asked for what was measured. */
function lengthOf(asked: Distribution | undefined, measured: number | undefined): JsonObject {
  if (asked === undefined) return { distribution: "other", value: new Float(measured ?? 0) };
  if (asked.stddev === 0) return { distribution: "fixed", value: new Float(asked.mean) };
  return { distribution: "gaussian", value: new Float(asked.mean), std_dev: new Float(asked.stddev) };
}

function averageOf(measured: PhaseSummary | undefined, tag: string): number | undefined {
  return measured?.metrics.find((metric) => metric.tag === tag)?.statistics.avg;
}

function aggregateOf(context: ExportContext, measured: PhaseSummary): JsonObject {
  const metrics = new Map(fileMetrics(measured).map((metric) => [metric.tag, metric]));
  const { succeeded, errored, cancelled, missingLost, missingRecord } = measured.counts;
  const distribution = (tag: string, units: string): JsonObject | undefined => {
    const metric = metrics.get(tag);
    return metric !== undefined && "statistics" in metric ? statisticsJson(metric.statistics, units) : undefined;
  };
  const rate = (tag: string, units: string): JsonObject | undefined => {
    const metric = metrics.get(tag);
    return metric !== undefined && "value" in metric ? { units, mean: new Float(metric.value) } : undefined;
  };
  const perToken = normalizedTimePerToken(context);
  return {
    requests: {
      total: succeeded + errored + cancelled + missingLost + missingRecord,
      failures: errored,
      incomplete: cancelled + missingLost + missingRecord,
      input_length: distribution("input_sequence_length", "count"),
      output_length: distribution("output_sequence_length", "count"),
    },
    latency: {
      time_to_first_token: distribution("time_to_first_token", "ms"),
      normalized_time_per_output_token: perToken === undefined ? undefined : statisticsJson(perToken, "ms/token"),
      // Ours is (latency − TTFT) / (length − 1): what the report calls the time per output token. Its other one is of gaps.
      time_per_output_token: distribution("inter_token_latency", "ms/token"),
      inter_token_latency: distribution("inter_chunk_latency", "ms/token"),
      request_latency: distribution("request_latency", "ms"),
    },
    throughput: {
      input_token_rate: rate("input_token_throughput", "tokens/s"),
      output_token_rate: rate("output_token_throughput", "tokens/s"),
      total_token_rate: rate("total_token_throughput", "tokens/s"),
      request_rate: rate("request_throughput", "queries/s"),
    },
  };
}

/** Latency over output length, of the requests that succeeded; one pass over the rows. */
function normalizedTimePerToken({ reader }: ExportContext): Statistics | undefined {
  const measured = reader.measuredPhases();
  const values = new Column();
  const columns = ["phase", "is_cancelled", "error_code", requestLatency.tag, outputSequenceLength.tag];
  for (const page of reader.pages(columns))
    for (const [, phase, isCancelled, errorCode, latencyMs, tokens] of page) {
      const isGood = measured.has(phase as number) && isCancelled === 0 && errorCode === null;
      if (isGood && typeof latencyMs === "number" && typeof tokens === "number" && tokens > 0) values.push(latencyMs / tokens);
    }
  return statisticsOf(values.values());
}

const gpuMetrics = [
  { key: "gpu_memory_usage", field: "nvidia_memory_used", units: "GB" },
  { key: "gpu_utilization", field: "nvidia_gpu_utilization", units: "percent" },
  { key: "power_consumption", field: "nvidia_power_usage", units: "Watts" },
] as const;

/** A GPU is a replica of the target. Undefined: none was watched. */
function observabilityOf(context: ExportContext): JsonObject | undefined {
  const components = (gpuSummaries(context) ?? []).flatMap(({ uuid, fields }): JsonObject[] => {
    const found = gpuMetrics.flatMap(({ key, field, units }) => {
      const statistics = fields.find((candidate) => candidate.field === field)?.statistics;
      return statistics === undefined || "value" in statistics ? [] : [[key, statisticsJson(statistics, units)] as const];
    });
    return found.length === 0 ? [] : [{ component_label: TARGET_LABEL, replica_id: uuid, aggregate: Object.fromEntries(found) }];
  });
  return components.length === 0 ? undefined : { components };
}

function statisticsJson(
  { avg, std, min, max, p1, p5, p10, p25, p50, p75, p90, p95, p99 }: Statistics,
  units: string,
): JsonObject {
  const floats = { mean: avg, stddev: std, min, p1, p5, p10, p25, p50, p75, p90, p95, p99, max };
  return { units, ...Object.fromEntries(Object.entries(floats).map(([key, value]) => [key, new Float(value)])) };
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
