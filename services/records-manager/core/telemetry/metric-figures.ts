/** Figures of one metric of a server's page over windows, by its type. */
import type { Statistics } from "../statistics.ts";
import { type CounterFigures, counterFigures } from "./counter.ts";
import { gaugeStatistics } from "./gauge.ts";
import { type HistogramFigures, histogramFigures } from "./histogram.ts";
import { firstAtOrAfter, type Points, type Window } from "./points.ts";
import { boundOf, type MetricSeries, type SeriesPart } from "./server-metrics.ts";

export type MetricFigures =
  | { readonly is: "gauge"; readonly statistics: Statistics }
  | { readonly is: "counter"; readonly counter: CounterFigures }
  | { readonly is: "histogram"; readonly histogram: HistogramFigures; readonly bounds: readonly string[] }
  /** `quantiles` = the server's own, as they were last. */
  | { readonly is: "summary"; readonly histogram: HistogramFigures; readonly quantiles: Readonly<Record<string, number>> };

export type PointsOf = (series: number) => Points | undefined;

/** Undefined where nothing can be said of these windows. */
export function metricFigures(
  type: string,
  { parts }: Pick<MetricSeries, "parts">,
  pointsOf: PointsOf,
  windows: readonly Window[],
): MetricFigures | undefined {
  if (type === "histogram" || type === "summary") return ofObservations(type, parts, pointsOf, windows);
  const [part] = parts;
  const points = part && pointsOf(part.series);
  if (points === undefined) return undefined;
  if (type === "counter") {
    const counter = counterFigures(points, windows);
    return counter && { is: "counter", counter };
  }
  const statistics = gaugeStatistics(points, windows);
  return statistics && { is: "gauge", statistics };
}

function ofObservations(
  type: "histogram" | "summary",
  parts: readonly SeriesPart[],
  pointsOf: PointsOf,
  windows: readonly Window[],
): MetricFigures | undefined {
  const one = (is: SeriesPart["is"]): Points | undefined => {
    const found = parts.find((part) => part.is === is);
    return found && pointsOf(found.series);
  };
  const buckets = parts.flatMap(({ is, bound, series }) => {
    const points = is === "bucket" ? pointsOf(series) : undefined;
    return points === undefined ? [] : [{ le: boundOf(bound), bound, points }];
  });
  const histogram = histogramFigures({ buckets, sum: one("sum"), count: one("count") }, windows);
  if (histogram === undefined) return undefined;
  if (type === "histogram") return { is: "histogram", histogram, bounds: buckets.map(({ bound }) => bound) };
  const quantiles = parts.flatMap(({ is, bound, series }) => {
    const value = is === "quantile" ? pointsOf(series)?.values.at(-1) : undefined;
    return value === undefined ? [] : [[bound, value] as const];
  });
  return { is: "summary", histogram, quantiles: Object.fromEntries(quantiles) };
}

/**
 * A counter or histogram that a page gains was 0 when the page was scraped before: servers print what is labelled only once it is counted.
 * `scrapes` = when its page was scraped, ascending.
 */
export function bornAtZero(points: Points, scrapes: Float64Array): Points {
  const place = scrapes.indexOf(points.ns[0] ?? Number.NaN);
  const before = scrapes[place - 1];
  if (before === undefined) return points;
  return { ...points, ns: Float64Array.of(before, ...points.ns), values: Float64Array.of(0, ...points.values) };
}

/**
 * The slice as a counter of these points has it: from the last scrape up to its start to the last one up to its end (of the last slice to the end of
 * all), so that slices add up to the whole.
 */
export function snapped(ns: Float64Array, { startNs, endNs }: Window, isLast: boolean): Window {
  const lastUpTo = (moment: number): number => ns[Math.max(0, firstAtOrAfter(ns, moment + 1) - 1)] ?? moment;
  return { startNs: lastUpTo(startNs), endNs: isLast ? (ns.at(-1) ?? endNs) : lastUpTo(endNs) };
}

/** The parts of a window, `sliceNs` each from its start; the last one may be shorter. */
export function slicesOf({ startNs, endNs }: Window, sliceNs: number): Window[] {
  const count = Math.ceil((endNs - startNs) / sliceNs);
  return Array.from({ length: Math.max(0, count) }, (_, at) => {
    return { startNs: startNs + at * sliceNs, endNs: Math.min(endNs, startNs + (at + 1) * sliceNs) };
  });
}
