/** Confidence intervals as a table. Pure. */
import type { MetricStatistics } from "../gen/assay/records_manager/v1/record_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { figure } from "./text.ts";

/** What has an interval where enough values are there. */
export const estimates = ["avg", "p50", "p90", "p95", "p99"] as const;

/** A row for each metric that has intervals, in the console's order; nothing where none has. */
export function confidenceLines(metrics: readonly MetricStatistics[], title: string, width: number, paint: Paint): string[] {
  const rows = metrics
    .filter(({ intervals }) => intervals.length > 0)
    .sort((one, other) => (one.consoleOrder ?? 0) - (other.consoleOrder ?? 0))
    .map(({ header, unit, intervals }) => [
      `${header} (${unit})`,
      ...estimates.map((name) => {
        const interval = intervals.find(({ statistic }) => statistic === name);
        return interval === undefined ? "too few" : `${figure(interval.low)} – ${figure(interval.high)}`;
      }),
    ]);
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { header: "Metric", align: "right", minWidth: 18 },
    ...estimates.map((header) => ({ header, align: "right" as const })),
  ];
  return tableLines({ title, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text === "too few" ? paint.dim(text) : text),
  });
}
