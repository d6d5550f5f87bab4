/**
 * `server_metrics_export.parquet`: what servers' pages said over the measured phases, value by value, with AIPerf's columns: a row for each value of
 * a gauge as it is, of a counter as what was counted since the baseline of its phase, of a histogram one for each bucket. A column for each
 * label, by name; one whose name is taken is left out. Counters that fall go on from where they were, without what is unknown.
 */

import { alignedTo, type Points, pointsAround, pointsWithin, type Window, wasAbsent } from "../core/telemetry/points.ts";
import type { MetricSeries, ServerMetric } from "../core/telemetry/server-metrics.ts";
import { serverPoints } from "../server-figures.ts";
import type { Exporter } from "./exporter.ts";
import { type ParquetColumn, ParquetFile, type ParquetValue } from "./parquet-file.ts";
import { windowsOfKind } from "./phase-windows.ts";

const fixed: readonly ParquetColumn[] = [
  { name: "endpoint_url", type: "STRING" },
  { name: "metric_name", type: "STRING" },
  { name: "metric_type", type: "STRING" },
  { name: "unit", type: "STRING", isNullable: true },
  { name: "description", type: "STRING" },
  { name: "timestamp_ns", type: "INT64" },
  { name: "value", type: "DOUBLE", isNullable: true },
  { name: "sum", type: "DOUBLE", isNullable: true },
  { name: "count", type: "DOUBLE", isNullable: true },
  { name: "bucket_le", type: "STRING", isNullable: true },
  { name: "bucket_count", type: "DOUBLE", isNullable: true },
];

/** Rows of a group. */
const GROUP_ROWS = 20_000;

export const serverMetricsParquet: Exporter = (context, write) => {
  const { reader } = context;
  const { versions, runId } = context.summary();
  const { suiteWallOffsetNs } = reader.run();
  const windows = windowsOfKind(context, "profiling");
  const taken = new Set(fixed.map(({ name }) => name));
  const all = reader.series({ kinds: ["server"] }).flatMap(({ labels }) => Object.keys(labels));
  const labels = [...new Set(all)].filter((name) => !taken.has(name) && name !== "le" && name !== "quantile").sort();
  const columns = [...fixed, ...labels.map((name): ParquetColumn => ({ name, type: "STRING", isNullable: true }))];
  const file = new ParquetFile(write, columns, {
    "aiperf.schema_version": "1.0",
    "assay.version": versions.assay ?? "",
    "aiperf.benchmark_id": runId,
    "aiperf.label_columns": JSON.stringify(labels),
  });
  let group: ParquetValue[][] = columns.map(() => []);
  const flush = (): void => {
    if ((group[0]?.length ?? 0) > 0) file.addGroup(group);
    group = columns.map(() => []);
  };
  for (const { metric, points } of serverPoints(reader)) {
    for (const series of metric.series) {
      for (const { ns, ...values } of rowsOf(metric, series, points, windows)) {
        const { value = null, sum = null, count = null, le = null, inBucket = null } = values;
        const row = [
          series.source,
          metric.name,
          metric.type,
          metric.unit === "" ? null : metric.unit,
          metric.help,
          BigInt(Math.round(ns + suiteWallOffsetNs)),
          ...[value, sum, count, le, inBucket],
          ...labels.map((label) => series.labels[label] ?? null),
        ];
        for (const [at, cell] of row.entries()) group[at]?.push(cell);
        if ((group[0]?.length ?? 0) >= GROUP_ROWS) flush();
      }
    }
  }
  flush();
  file.finish();
};

interface ValueRow {
  readonly ns: number;
  readonly value?: number;
  readonly sum?: number;
  readonly count?: number;
  readonly le?: string;
  readonly inBucket?: number;
}

function* rowsOf(
  { type }: ServerMetric,
  { parts }: MetricSeries,
  points: ReadonlyMap<number, Points>,
  windows: readonly Window[],
): Generator<ValueRow> {
  const [first] = parts;
  const leading = first && points.get(first.series);
  if (leading === undefined) return;
  for (const window of windows) {
    if (type === "gauge" || type === "unknown") {
      const { ns, values } = pointsWithin(leading, window);
      for (let at = 0; at < ns.length; at++) yield { ns: ns[at] as number, value: values[at] as number };
      continue;
    }
    const { ns } = pointsAround(leading, window);
    const risen = parts.flatMap(({ series, is, bound }) => {
      const own = points.get(series);
      return own === undefined || is === "quantile" ? [] : [{ is, bound, values: risenSince(ns, own) }];
    });
    const one = (is: string) => risen.find((part) => part.is === is)?.values;
    const [value, sum, count] = [one("value"), one("sum"), one("count")];
    const buckets = risen.filter(({ is }) => is === "bucket");
    for (let at = 1; at < ns.length; at++) {
      const shared = {
        ns: ns[at] as number,
        ...(value === undefined ? {} : { value: value[at] as number }),
        ...(sum === undefined ? {} : { sum: sum[at] as number }),
        ...(count === undefined ? {} : { count: count[at] as number }),
      };
      if (buckets.length === 0) yield shared;
      for (const { bound, values } of buckets) yield { ...shared, le: bound, inBucket: values[at] as number };
    }
  }
}

/** What a counter has risen by since its first value, at the moments of `ns`; steps in which it fell or was absent are left out. */
function risenSince(ns: Float64Array, points: Points): Float64Array {
  const values = alignedTo(ns, points);
  let risen = 0;
  return values.map((value, at) => {
    const step = at === 0 ? 0 : value - (values[at - 1] as number);
    if (step > 0 && !wasAbsent(points, ns[at - 1] as number, ns[at] as number)) risen += step;
    return risen;
  });
}
