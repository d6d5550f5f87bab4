/**
 * `profile_export_aiperf.json`: the summary as AIPerf writes it, schema 1.4 (docs/reference/json-export-schema.md): two spaces
 * of indent, absent values left out, one key per metric tag beside the fixed keys. Metrics of AIPerf have its tags and units;
 * `assay_version` and the metrics that AIPerf does not have come on top, as its schema allows.
 */
import { listMetrics, recordMetrics, runMetrics } from "../../../metrics/catalog.ts";
import type { Metric } from "../../../metrics/metric.ts";
import type { ErrorSummary, MetricStatistics, MetricValue, PhaseSummary } from "../core/run-summary.ts";
import type { ExportContext, Exporter } from "./exporter.ts";

const SCHEMA_VERSION = "1.4";

export const aiperfSummary: Exporter = {
  fileName: "profile_export_aiperf.json",
  write: (context, text) => text(`${JSON.stringify(documentOf(context), withoutNonFinite, 2)}\n`),
};

function documentOf({ summary: summarize, inputConfig, runInfo }: ExportContext): Record<string, unknown> {
  const summary = summarize();
  const measured = summary.phases.find((phase) => phase.kind === "profiling");
  return {
    schema_version: SCHEMA_VERSION,
    assay_version: summary.versions.assay,
    benchmark_id: summary.runId,
    ...(measured === undefined ? {} : metricsOf(measured)),
    input_config: inputConfig,
    run_info: { benchmark_id: summary.runId, ...runInfo },
    was_cancelled: summary.wasCancelled,
    error_summary: measured?.errors.map(errorOf) ?? [],
    start_time: isoTime(measured?.startWallNs),
    end_time: isoTime(measured?.endWallNs),
  };
}

function metricsOf(phase: PhaseSummary): Record<string, unknown> {
  const records = phase.metrics.filter(({ tag }) => isShown(tag)).map((metric) => [metric.tag, distributionOf(metric)]);
  const values = phase.runMetrics
    .filter((metric) => isShown(metric.tag, metric))
    .map(({ tag, unit, value }) => [tag, { unit, avg: value }]);
  return Object.fromEntries([...records, ...values]);
}

const METRICS_BY_TAG = new Map<string, Metric>(
  [...recordMetrics, ...listMetrics, ...runMetrics].map((metric) => [metric.tag, metric]),
);

function isShown(tag: string, metric?: MetricValue): boolean {
  const flags = METRICS_BY_TAG.get(tag)?.flags ?? [];
  if (flags.includes("internal") || flags.includes("experimental")) return false;
  return !(flags.includes("error_only") && metric?.value === 0);
}

function distributionOf({ unit, statistics: s }: MetricStatistics): Record<string, unknown> {
  const { p1, p5, p10, p25, p50, p75, p90, p95, p99 } = s;
  return {
    unit,
    avg: s.avg,
    p1,
    p5,
    p10,
    p25,
    p50,
    p75,
    p90,
    p95,
    p99,
    min: s.min,
    max: s.max,
    std: s.std,
    count: s.count,
    sum: s.sum,
  };
}

/** AIPerf's code for a request that was cancelled. */
const CANCELLED_STATUS = 499;

function errorOf({ code, status, example, count }: ErrorSummary): Record<string, unknown> {
  const httpStatus = code === "cancelled" ? CANCELLED_STATUS : status || undefined;
  return { error_details: { code: httpStatus, type: code, message: example }, count };
}

function isoTime(wallNs: number | undefined): string | undefined {
  return wallNs === undefined ? undefined : new Date(wallNs / 1e6).toISOString();
}

function withoutNonFinite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}
