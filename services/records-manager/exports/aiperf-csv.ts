/**
 * `profile_export_aiperf.csv`: the summary as AIPerf writes it. A block of distributions, an empty line, a block of single values,
 * each by ascending tag; where GPUs were watched, two more empty lines and a row for each GPU and field. What AIPerf does not have comes
 * last: where a run has several targets, two empty lines and a row for each target and metric. Lines end in CR LF.
 */
import { stringify } from "csv-stringify/sync";
import { errorRequestCount } from "../../../metrics/error-request-count.ts";
import type { RunMetric } from "../../../metrics/metric.ts";
import { requestCount } from "../../../metrics/request-count.ts";
import { requestThroughput } from "../../../metrics/request-throughput.ts";
import { csvCell, twoDecimals } from "../../../report/text.ts";
import type { MetricHead } from "../core/run-summary.ts";
import type { Statistics } from "../core/statistics.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { type FileMetric, fileMetrics, STATISTICS } from "./file-metrics.ts";
import { gpuSummaries } from "./gpu-telemetry.ts";

type Row = readonly string[];

export const aiperfCsv: Exporter = (context, text) => {
  const rows = [...metricRows(context), ...gpuRows(context), ...targetRows(context)].map((row) => row.map(csvCell));
  // Python's writer, which AIPerf uses, also quotes what holds half of a line end.
  text(stringify(rows as string[][], { record_delimiter: "\r\n", quoted_match: /[\r\n]/ }));
};

function metricRows({ summary }: ExportContext): Row[] {
  const measured = summary().phases.find(({ kind }) => kind === "profiling");
  if (measured === undefined) return [];
  const metrics = fileMetrics(measured).sort((a, b) => (a.tag < b.tag ? -1 : 1));
  const distributions = metrics.flatMap((metric): Row[] => {
    if (!("statistics" in metric)) return [];
    return [[nameOf(metric), ...STATISTICS.map((name) => numberText(metric.statistics[name]))]];
  });
  const values = metrics.flatMap((metric): Row[] => ("value" in metric ? [[nameOf(metric), numberText(metric.value)]] : []));
  return [
    ...(distributions.length === 0 ? [] : [["Metric", ...STATISTICS], ...distributions]),
    ...(distributions.length === 0 || values.length === 0 ? [] : [[]]),
    ...(values.length === 0 ? [] : [["Metric", "Value"], ...values]),
  ];
}

function gpuRows(context: ExportContext): Row[] {
  const gpus = gpuSummaries(context);
  if (gpus === undefined) return [];
  const hosts = (["hostname", "namespace", "pod"] as const).filter((label) => gpus.some((gpu) => gpu[label] !== undefined));
  const rows = gpus.flatMap((gpu) =>
    gpu.fields.map(({ title, unit, statistics }) => [
      gpu.endpoint,
      String(gpu.index),
      gpu.name,
      gpu.uuid,
      gpu.platform,
      `${title} (${unit})`,
      ...statisticsRow(statistics),
      ...hosts.map((label) => gpu[label] ?? ""),
    ]),
  );
  const header = ["Endpoint", "GPU_Index", "GPU_Name", "GPU_UUID", "Platform", "Metric", ...STATISTICS];
  return [[], [], [...header, ...hosts.map((label) => hostHeaders[label])], ...rows];
}

/** Of the measured phases taken together. */
function targetRows({ summary }: ExportContext): Row[] {
  const targets = summary().phases.find(({ kind }) => kind === "profiling")?.targets ?? [];
  if (targets.length === 0) return [];
  const rows = targets.flatMap(({ label, succeeded, errored, cancelled, requestThroughput: perSec, metrics }) => {
    const values: FileMetric[] = [
      { ...headOf(errorRequestCount), value: errored + cancelled },
      { ...headOf(requestCount), value: succeeded },
      { ...headOf(requestThroughput), value: perSec },
    ];
    return [...values, ...metrics]
      .sort((a, b) => (a.tag < b.tag ? -1 : 1))
      .map((metric) => [label, nameOf(metric), ...statisticsRow("value" in metric ? metric : metric.statistics)]);
  });
  return [[], [], ["Target", "Metric", ...STATISTICS], ...rows];
}

function headOf({ tag, header, unit }: RunMetric): MetricHead {
  return { tag, header, unit };
}

/** A single value stands in the column of the average. */
function statisticsRow(statistics: Statistics | { readonly value: number }): string[] {
  if (!("value" in statistics)) return STATISTICS.map((name) => numberText(statistics[name]));
  return STATISTICS.map((name) => (name === "avg" ? numberText(statistics.value) : ""));
}

const hostHeaders = { hostname: "Hostname", namespace: "Namespace", pod: "Pod Name" } as const;

/** The unit is left out where it is the thing that is counted. */
function nameOf({ header, unit }: FileMetric): string {
  return unit === "count" || unit === "requests" ? header : `${header} (${unit})`;
}

function numberText(value: number): string {
  return Number.isFinite(value) ? twoDecimals(value) : "";
}
