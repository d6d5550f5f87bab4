/** The series of servers' pages put together: what Prometheus prints as many lines is one histogram here, and every metric has its name once. */
import type { SeriesRow } from "../telemetry-rows.ts";

/** One metric of one page with one set of labels. */
export interface MetricSeries {
  /** URL of its page. */
  readonly source: string;
  /** Without `le` and `quantile`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly parts: readonly SeriesPart[];
}

/** One line of a page. */
export interface SeriesPart {
  /** Number of the series in the file. */
  readonly series: number;
  /** `value`: the line is the metric. */
  readonly is: "value" | "bucket" | "sum" | "count" | "quantile";
  /** Of a bucket its upper bound, of a quantile which it is, as printed. */
  readonly bound: string;
}

export interface ServerMetric {
  /** As AIPerf's files have it: the family's, a counter's without `_total`. */
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
  /** By source, then by labels. */
  readonly series: readonly MetricSeries[];
}

/** By name. */
export function serverMetrics(rows: readonly SeriesRow[]): ServerMetric[] {
  const byFamily = Map.groupBy(rows, ({ family, type }) => `${family} ${type}`);
  const taken = new Set<string>();
  const metrics = [...byFamily.values()].flatMap((own): ServerMetric[] => {
    const [first] = own;
    if (first === undefined) return [];
    const { family, type, help, unit } = first;
    // A page may have both `x` and `x_total`; pages may not agree on a type.
    const short = type === "counter" ? family.replace(/_total$/, "") : family;
    const name = [short, family, `${family}_${type}`].find((candidate) => !taken.has(candidate)) ?? family;
    taken.add(name);
    return [{ name, type, help, unit, series: seriesOf(own) }];
  });
  return metrics.sort((one, other) => (one.name < other.name ? -1 : 1));
}

function seriesOf(rows: readonly SeriesRow[]): MetricSeries[] {
  const byLabels = Map.groupBy(rows, ({ source, labels }) => JSON.stringify([source, sortedPairs(labels)]));
  return [...byLabels]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, own]): MetricSeries[] => {
      const [first] = own;
      if (first === undefined) return [];
      return [{ source: first.source, labels: Object.fromEntries(sortedPairs(first.labels)), parts: partsOf(own) }];
    });
}

/** Buckets by ascending bounds. */
function partsOf(rows: readonly SeriesRow[]): SeriesPart[] {
  return rows.map(partOf).sort((one, other) => boundOf(one.bound) - boundOf(other.bound));
}

function partOf({ series, type, name, family, labels }: SeriesRow): SeriesPart {
  if (type === "histogram" || type === "summary") {
    if (name === `${family}_sum`) return { series, is: "sum", bound: "" };
    if (name === `${family}_count`) return { series, is: "count", bound: "" };
    if (labels.le !== undefined) return { series, is: "bucket", bound: labels.le };
    if (labels.quantile !== undefined) return { series, is: "quantile", bound: labels.quantile };
  }
  return { series, is: "value", bound: "" };
}

/** A bound as a page prints it: `+Inf` is endless. */
export function boundOf(text: string): number {
  return /^\+?inf/i.test(text) ? Number.POSITIVE_INFINITY : Number(text);
}

function sortedPairs(labels: Readonly<Record<string, string>>): [string, string][] {
  const pairs = Object.entries(labels).filter(([name]) => name !== "le" && name !== "quantile");
  return pairs.sort(([one], [other]) => (one < other ? -1 : 1));
}
