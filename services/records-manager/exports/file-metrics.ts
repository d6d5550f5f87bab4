/** The metrics of a phase as its summary files show them. */
import { metricsByTag } from "../../../metrics/catalog.ts";
import type { MetricHead, PhaseSummary } from "../core/run-summary.ts";
import type { Statistics } from "../core/statistics.ts";
import { Float, type JsonObject } from "./json-text.ts";

/** A distribution over requests, or one value of the whole phase. */
export type FileMetric = MetricHead & ({ readonly statistics: Statistics } | { readonly value: number });

/** AIPerf's columns of a table. */
export const STATISTICS = [
  "avg",
  "min",
  "max",
  "sum",
  "p1",
  "p5",
  "p10",
  "p25",
  "p50",
  "p75",
  "p90",
  "p95",
  "p99",
  "std",
] as const;

/** Those that are shown, in the order of the catalog: distributions, then values. */
export function fileMetrics(phase: Pick<PhaseSummary, "metrics" | "runMetrics">): FileMetric[] {
  const distributions = phase.metrics.filter(({ tag }) => isShown(tag, undefined));
  return [...distributions, ...phase.runMetrics.filter(({ tag, value }) => isShown(tag, value))];
}

function isShown(tag: string, value: number | undefined): boolean {
  const flags = metricsByTag.get(tag)?.flags ?? [];
  if (flags.includes("internal") || flags.includes("experimental")) return false;
  return !(flags.includes("error_only") && value === 0);
}

/** AIPerf's keys in AIPerf's order. */
export function metricJson(metric: FileMetric): JsonObject {
  if ("value" in metric) return { unit: metric.unit, avg: new Float(metric.value) };
  return { unit: metric.unit, ...distributionJson(metric.statistics) };
}

export function distributionJson({ count, avg, p1, p5, p10, p25, p50, p75, p90, p95, p99, min, max, std, sum }: Statistics) {
  return {
    avg: new Float(avg),
    p1: new Float(p1),
    p5: new Float(p5),
    p10: new Float(p10),
    p25: new Float(p25),
    p50: new Float(p50),
    p75: new Float(p75),
    p90: new Float(p90),
    p95: new Float(p95),
    p99: new Float(p99),
    min: new Float(min),
    max: new Float(max),
    std: new Float(std),
    count,
    sum: new Float(sum),
  };
}
