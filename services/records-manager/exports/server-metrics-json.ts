/**
 * `server_metrics_export.json`: what the servers' own pages said over the measured phases, as AIPerf writes it, schema 1.1. What AIPerf does not
 * have comes on top: `assay_version` in the place of its own version, resets of counters, the error of each estimated quantile, summaries.
 */

import { PERCENTILES } from "../../common/percentiles.ts";
import type { HistogramFigures } from "../core/telemetry/histogram.ts";
import type { MetricFigures } from "../core/telemetry/metric-figures.ts";
import type { Window } from "../core/telemetry/points.ts";
import { type FiguredMetric, type FiguredSeries, type FiguredSlice, serverFigures } from "../server-figures.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { inputConfig } from "./input-config.ts";
import { Float, type Json, type JsonObject, jsonText } from "./json-text.ts";
import { localTime } from "./local-time.ts";
import { windowsOfKind } from "./phase-windows.ts";
import { endpointInfos } from "./server-endpoints.ts";

const SCHEMA_VERSION = "1.1";

export const serverMetricsJson: Exporter = (context, text) => text(jsonText(documentOf(context), 2));

function documentOf(context: ExportContext): JsonObject {
  const { reader, spec, folder } = context;
  const summary = context.summary();
  const { suiteWallOffsetNs } = reader.run();
  const [measured, warmup] = (["profiling", "warmup"] as const).map((kind) => windowsOfKind(context, kind));
  const infos = endpointInfos(reader);
  const sliceNs = spec.output?.sliceSec === undefined ? undefined : spec.output.sliceSec * 1e9;
  const wall = (ns: number): bigint => BigInt(Math.round(ns + suiteWallOffsetNs));
  const timeOf = (ns: number | undefined) => (ns === undefined ? undefined : localTime(ns + suiteWallOffsetNs));
  const metricsIn = (windows: readonly Window[], slice?: number): JsonObject =>
    Object.fromEntries(serverFigures(reader, windows, slice).map((metric) => [metric.name, metricJson(metric, wall)]));
  const rangeOf = (windows: readonly Window[] | undefined) => {
    const [first, last] = [windows?.at(0), windows?.at(-1)];
    return first === undefined || last === undefined ? undefined : { start_ns: wall(first.startNs), end_ns: wall(last.endNs) };
  };
  return {
    schema_version: SCHEMA_VERSION,
    assay_version: summary.versions.assay,
    assay_commit: summary.versions.commit,
    benchmark_id: summary.runId,
    summary: {
      endpoints_configured: infos.map(({ url }) => url),
      endpoints_successful: infos.filter(({ fetches }) => fetches > 0).map(({ url }) => url),
      start_time: timeOf(measured?.at(0)?.startNs),
      end_time: timeOf(measured?.at(-1)?.endNs),
      endpoint_info: Object.fromEntries(infos.map((info) => [info.url, info.json(wall)])),
      phase_time_ranges: { warmup: rangeOf(warmup), profiling: rangeOf(measured) },
    },
    metrics_phase: "profiling",
    metrics: metricsIn(measured ?? [], sliceNs),
    warmup_metrics: warmup === undefined || warmup.length === 0 ? undefined : metricsIn(warmup),
    input_config: inputConfig(spec, folder),
  };
}

function metricJson({ type, help, unit, series }: FiguredMetric, wall: (ns: number) => bigint): JsonObject {
  return {
    type,
    description: help,
    unit: unit === "" ? undefined : unit,
    series: series.map((each) => seriesJson(each, wall)),
  };
}

function seriesJson({ source, labels, figures, slices }: FiguredSeries, wall: (ns: number) => bigint): JsonObject {
  return {
    endpoint_url: source,
    labels: Object.keys(labels).length === 0 ? undefined : labels,
    stats: statsJson(figures),
    buckets: bucketsJson(figures),
    timeslices: slices.length === 0 ? undefined : slices.map((slice) => sliceJson(slice, wall)),
  };
}

/** AIPerf's names, in its order. */
export function statsJson(figures: MetricFigures): Readonly<Record<string, Float | number | undefined>> {
  switch (figures.is) {
    case "gauge": {
      const { avg, min, max, std } = figures.statistics;
      const percentiles = PERCENTILES.map((p) => [`p${p}`, new Float(figures.statistics[`p${p}`])] as const);
      return {
        avg: new Float(avg),
        min: new Float(min),
        max: new Float(max),
        std: new Float(std),
        ...Object.fromEntries(percentiles),
      };
    }
    case "counter": {
      const { total, rate, rateAvg, rateMin, rateMax, rateStd, resets, unknownNs } = figures.counter;
      return {
        total: new Float(total),
        rate: new Float(rate),
        rate_avg: new Float(rateAvg),
        rate_min: new Float(rateMin),
        rate_max: new Float(rateMax),
        rate_std: new Float(rateStd),
        ...resetsJson(resets, unknownNs),
      };
    }
    case "histogram":
      return { ...observationsJson(figures.histogram), ...estimatesJson(figures.histogram) };
    case "summary": {
      const quantiles = Object.entries(figures.quantiles).map(([name, value]) => [`quantile_${name}`, new Float(value)] as const);
      return { ...observationsJson(figures.histogram), ...Object.fromEntries(quantiles) };
    }
  }
}

function observationsJson({ count, sum, avg, countRate, sumRate, resets, unknownNs }: HistogramFigures) {
  if (count === 0 || avg === undefined) return { count: new Float(0), ...resetsJson(resets, unknownNs) };
  return {
    count: new Float(count),
    sum: new Float(sum),
    avg: new Float(avg),
    count_rate: new Float(countRate),
    sum_rate: new Float(sumRate),
    ...resetsJson(resets, unknownNs),
  };
}

function estimatesJson({ quantiles }: HistogramFigures): Record<string, Float> {
  const entries = PERCENTILES.map((p) => [p, quantiles?.[`p${p}`]] as const);
  return Object.fromEntries([
    ...entries.flatMap(([p, found]) => (found === undefined ? [] : [[`p${p}_estimate`, new Float(found.value)] as const])),
    ...entries.flatMap(([p, found]) => (found === undefined ? [] : [[`p${p}_estimate_error`, new Float(found.error)] as const])),
  ]);
}

function resetsJson(resets: number, unknownNs: number) {
  return resets === 0 ? {} : { resets, unknown_seconds: new Float(unknownNs / 1e9) };
}

/** By bound as printed, those of smaller bounds included; null: it was set back. Undefined: it is no histogram. */
function bucketsJson(figures: MetricFigures): Json | undefined {
  if (figures.is !== "histogram") return undefined;
  const { bounds, histogram } = figures;
  if (histogram.buckets === undefined) return null;
  return new Map(bounds.map((bound, at) => [bound, new Float(histogram.buckets?.[at]?.count ?? 0)]));
}

function sliceJson({ startNs, endNs, isComplete, figures }: FiguredSlice, wall: (ns: number) => bigint): JsonObject {
  const kept = {
    gauge: ["avg", "min", "max"],
    counter: ["total", "rate"],
    histogram: ["count", "sum", "avg"],
    summary: ["count", "sum", "avg"],
  };
  const stats = statsJson(figures);
  return {
    start_ns: wall(startNs),
    end_ns: wall(endNs),
    is_complete: isComplete ? undefined : false,
    ...Object.fromEntries(kept[figures.is].map((name) => [name, stats[name]])),
    buckets: bucketsJson(figures),
  };
}
