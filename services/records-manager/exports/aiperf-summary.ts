/**
 * `profile_export_aiperf.json`: the summary as AIPerf 0.13 writes it, schema 1.4: two spaces of indent, absent values left out, one key
 * per metric tag among the fixed keys. What AIPerf does not have comes on top: `assay_version` and `assay_commit` in the place of its own version, metrics of our
 * own beside its metrics, everything else under `assay`. Keys and units: `docs/files.md`.
 */

import type { JsonValue } from "@bufbuild/protobuf";
import type { HostSummary } from "../core/host-figures.ts";
import type { PhaseCounts } from "../core/rows.ts";
import type { ObjectiveOutcome, PhaseSummary, RunSummary, TargetSummary } from "../core/run-summary.ts";
import { aiperfError } from "./aiperf-error.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { fileMetrics, metricJson } from "./file-metrics.ts";
import { gpuTelemetry } from "./gpu-telemetry.ts";
import { inputConfig } from "./input-config.ts";
import { Float, type JsonObject, jsonText } from "./json-text.ts";
import { localTime } from "./local-time.ts";
import { saidJson, servedJson } from "./served-json.ts";
import { clientJson, sendsJson, steadyStateJson } from "./validity-json.ts";

const SCHEMA_VERSION = "1.4";

export const aiperfSummary: Exporter = (context, text) => text(jsonText(documentOf(context), 2));

/** Metrics that AIPerf writes before its other keys, in its order; all others follow after them. */
const LEADING_TAGS = [
  "request_throughput",
  "request_latency",
  "request_count",
  "time_to_first_token",
  "time_to_second_token",
  "inter_token_latency",
  "output_token_throughput",
  "output_token_throughput_per_user",
  "output_sequence_length",
  "input_sequence_length",
  "goodput",
  "good_request_count",
  "output_token_count",
  "reasoning_token_count",
  "min_request_timestamp",
  "max_response_timestamp",
  "inter_chunk_latency",
  "total_output_tokens",
  "total_reasoning_tokens",
  "benchmark_duration",
  "total_isl",
  "total_osl",
  "error_request_count",
  "error_isl",
  "total_error_isl",
] as const;

function documentOf(context: ExportContext): JsonObject {
  const { spec, folder, cliCommand } = context;
  const summary = context.summary();
  const measured = summary.phases.find(({ kind }) => kind === "profiling");
  const warmup = summary.phases.find(({ kind }) => kind === "warmup");
  const metrics = measured === undefined ? {} : metricsOf(measured);
  const incompleteReason = incompleteReasonOf(summary);
  return {
    schema_version: SCHEMA_VERSION,
    assay_version: summary.versions.assay,
    assay_commit: summary.versions.commit,
    benchmark_id: summary.runId,
    ...Object.fromEntries(LEADING_TAGS.map((tag) => [tag, metrics[tag]])),
    telemetry_data: gpuTelemetry(context),
    input_config: inputConfig(spec, folder),
    run_info: {
      benchmark_id: summary.runId,
      random_seed: spec.randomSeed,
      trial: 0,
      cli_command: cliCommand === "" ? undefined : cliCommand,
    },
    was_cancelled: summary.wasCancelled,
    is_complete: incompleteReason === undefined,
    incomplete_reason: incompleteReason,
    error_summary: (measured?.errorDetails ?? []).map((detail) => ({ error_details: aiperfError(detail), count: detail.count })),
    start_time: timeOf(measured?.beginWallNs ?? measured?.startWallNs),
    end_time: timeOf(measured?.finishWallNs ?? measured?.endWallNs),
    warmup_metrics: warmup === undefined ? undefined : metricsOf(warmup),
    ...metrics,
    assay: ownPart(context, summary),
  };
}

function metricsOf(phase: PhaseSummary): Record<string, JsonObject> {
  return Object.fromEntries(fileMetrics(phase).map((metric) => [metric.tag, metricJson(metric)]));
}

/** Why these figures are of a part of the run only; undefined: they are of all that the run did, cancelled or not. */
function incompleteReasonOf({ state, reason, phases }: RunSummary): string | undefined {
  if (state === "FAILED") return reason ?? "the run failed";
  const missing = phases.reduce((sum, { counts }) => sum + counts.missingRecord + counts.missingLost + counts.unaccounted, 0);
  return missing === 0 ? undefined : `${missing} requests have no record`;
}

function timeOf(wallNs: number | undefined): string | undefined {
  return wallNs === undefined ? undefined : localTime(wallNs);
}

/** What AIPerf has no place for. */
function ownPart({ reader, phases }: ExportContext, { state, reason, client }: RunSummary): JsonObject {
  return {
    state,
    reason,
    client: clientJson(client),
    phases: phases().phases.map((phase) => ({
      name: phase.name,
      kind: phase.kind,
      counts: countsJson(phase.counts),
      late: phase.late,
      conflicts: phase.conflicts,
      abandoned: phase.abandoned === 0 ? undefined : phase.abandoned,
      queued: phase.queued === 0 ? undefined : phase.queued,
      begin_ns: wholeNs(phase.beginWallNs),
      end_ns: wholeNs(phase.finishWallNs),
      notes: phase.notes.map(({ code, tag, message }) => ({ code, metric: tag, message })),
      sends: sendsJson(phase),
      steady_state: steadyStateJson(phase.steadyState),
      objectives: phase.objectives.length === 0 ? undefined : phase.objectives.map(outcomeJson),
      finish_reasons:
        phase.finishReasons.length === 0 ? undefined : phase.finishReasons.map(({ reason, count }) => ({ reason, count })),
      targets: phase.targets.length === 0 ? undefined : phase.targets.map(targetJson),
      hosts: phase.hosts.length === 0 ? undefined : phase.hosts.map(hostJson),
      server_figures: phase.said.length === 0 ? undefined : phase.said.map(saidJson),
      server_statistics: phase.served.length === 0 ? undefined : phase.served.map(servedJson),
    })),
    spec: JSON.parse(reader.run().spec) as Exclude<JsonValue, null>,
  };
}

function targetJson({
  label,
  succeeded,
  errored,
  cancelled,
  throughputShare,
  requestThroughput,
  metrics,
}: TargetSummary): JsonObject {
  return {
    label,
    succeeded,
    errored,
    cancelled,
    throughput_share: new Float(throughputShare),
    request_throughput: new Float(requestThroughput),
    ...Object.fromEntries(metrics.map((metric) => [metric.tag, metricJson(metric)])),
  };
}

function hostJson({ lateness, loopUtilisationMax, clock, ...host }: HostSummary): JsonObject {
  return {
    host: host.name,
    cores: host.cores,
    workers: host.workers,
    succeeded: host.succeeded,
    errored: host.errored,
    cancelled: host.cancelled,
    throughput_share: new Float(host.throughputShare),
    request_throughput: new Float(host.requestThroughput),
    lateness_p50_ms: lateness === undefined ? undefined : new Float(lateness.p50Ns / 1e6),
    lateness_p99_ms: lateness === undefined ? undefined : new Float(lateness.p99Ns / 1e6),
    loop_utilization_max: loopUtilisationMax === undefined ? undefined : new Float(loopUtilisationMax),
    clock:
      clock === undefined
        ? undefined
        : {
            offset_ns: new Float(clock.offsetNs),
            uncertainty_ns: new Float(clock.uncertaintyNs),
            drift_ppm: new Float(clock.driftPpm),
          },
    ...Object.fromEntries(host.metrics.map((metric) => [metric.tag, metricJson(metric)])),
  };
}

function outcomeJson({ objective, unit, value, isKept }: ObjectiveOutcome): JsonObject {
  const { text, tag, statistic, comparison, bound } = objective;
  return {
    objective: text,
    metric: tag,
    statistic,
    comparison,
    bound: new Float(bound),
    value: value === undefined ? undefined : new Float(value),
    unit,
    is_kept: isKept,
  };
}

function countsJson(counts: PhaseCounts): JsonObject {
  return {
    drawn: counts.drawn,
    unused: counts.unused,
    dropped: counts.dropped,
    succeeded: counts.succeeded,
    errored: counts.errored,
    cancelled: counts.cancelled,
    missing_record: counts.missingRecord,
    missing_lost: counts.missingLost,
    unaccounted: counts.unaccounted,
  };
}

function wholeNs(wallNs: number | undefined): bigint | undefined {
  return wallNs === undefined ? undefined : BigInt(Math.round(wallNs));
}
