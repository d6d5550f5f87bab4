/**
 * `server_metrics_export.csv`: the figures of `server_metrics_export.json` as AIPerf's tables: a section for each type of metric with a column for
 * each label, and what gauges named `…_info` say in their labels at the end. Lines end in CR LF, those of the head in LF.
 */
import { stringify } from "csv-stringify/sync";
import { csvCell } from "../../../report/text.ts";
import { PERCENTILES } from "../../common/percentiles.ts";
import { type FiguredMetric, type FiguredSeries, serverFigures } from "../server-figures.ts";
import { endpointName } from "./endpoint-name.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { windowsOfKind } from "./phase-windows.ts";
import { statsJson } from "./server-metrics-json.ts";

const gaugeStats = ["avg", "min", "max", "std", ...PERCENTILES.map((p) => `p${p}`)];
const sections = [
  { type: "gauge", stats: gaugeStats },
  { type: "counter", stats: ["total", "rate", "rate_avg", "rate_min", "rate_max", "rate_std"] },
  { type: "histogram", stats: ["count", "count_rate", "sum", "sum_rate", "avg", ...PERCENTILES.map((p) => `p${p}_estimate`)] },
  { type: "summary", stats: ["count", "count_rate", "sum", "sum_rate", "avg"] },
  { type: "unknown", stats: gaugeStats },
] as const;

export const serverMetricsCsv: Exporter = (context, text) => {
  const { versions, runId } = context.summary();
  text("# AIPerf Server Metrics Export (CSV)\n");
  text(`# assay_version: ${versions.assay ?? ""}\n`);
  text("# schema_version: 1.0\n");
  text(`# benchmark_id: ${runId}\n`);
  text("# Note: Same benchmark_id and version appear in JSON and Parquet exports\n");
  text("#\n");
  const parts = partsOf(context);
  const rows = parts.flatMap((part, at) => (at === 0 ? part : [[], ...part])).map((row) => row.map(csvCell));
  text(stringify(rows, { record_delimiter: "\r\n", quoted_match: /[\r\n]/ }));
};

type Row = string[];

function partsOf(context: ExportContext): Row[][] {
  const metrics = serverFigures(context.reader, windowsOfKind(context, "profiling"));
  const isInfo = ({ type, name }: FiguredMetric): boolean => type === "gauge" && name.endsWith("_info");
  const found = sections.map(({ type, stats }) => {
    return sectionRows(
      metrics.filter((metric) => metric.type === type && !isInfo(metric)),
      stats,
    );
  });
  return [...found, infoRows(metrics.filter(isInfo))].filter((rows) => rows.length > 0);
}

function sectionRows(metrics: readonly FiguredMetric[], stats: readonly string[]): Row[] {
  if (metrics.length === 0) return [];
  const labels = [...new Set(metrics.flatMap(({ series }) => series.flatMap((each) => Object.keys(each.labels))))].sort();
  const hasBuckets = metrics[0]?.type === "histogram";
  const header = ["Endpoint", "Type", "Metric", "Unit", ...stats, ...labels, "Description", ...(hasBuckets ? ["buckets"] : [])];
  const rows = metrics.flatMap((metric) =>
    metric.series.map((series): Row => {
      const values: Readonly<Record<string, unknown>> = statsJson(series.figures);
      return [
        endpointName(series.source),
        metric.type,
        metric.name,
        metric.unit,
        ...stats.map((name) => numberText(values[name])),
        ...labels.map((label) => series.labels[label] ?? ""),
        metric.help,
        ...(hasBuckets ? [bucketsText(series)] : []),
      ];
    }),
  );
  return [header, ...rows];
}

function infoRows(metrics: readonly FiguredMetric[]): Row[] {
  if (metrics.length === 0) return [];
  const rows = metrics.flatMap(({ name, help, series }) =>
    series.flatMap(({ source, labels }) =>
      Object.entries(labels).map(([key, value]): Row => [endpointName(source), name, key, value, help]),
    ),
  );
  return [["Endpoint", "Metric", "Key", "Value", "Description"], ...rows];
}

function bucketsText({ figures }: FiguredSeries): string {
  if (figures.is !== "histogram" || figures.histogram.buckets === undefined) return "";
  return figures.histogram.buckets.map(({ count }, at) => `${figures.bounds[at]}=${count.toFixed(4)}`).join(";");
}

function numberText(value: unknown): string {
  const number = typeof value === "object" && value !== null && "value" in value ? value.value : value;
  return typeof number === "number" && Number.isFinite(number) ? number.toFixed(4) : "";
}
