/** What servers said of themselves while a run went on, from its file: metric by metric, a bounded part of the values at a time. */
import { bornAtZero, type MetricFigures, metricFigures, slicesOf, snapped } from "./core/telemetry/metric-figures.ts";
import { type Points, pointsAround, type Window } from "./core/telemetry/points.ts";
import { type MetricSeries, type ServerMetric, serverMetrics } from "./core/telemetry/server-metrics.ts";
import type { SeriesRow } from "./core/telemetry-rows.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Values that are in memory at a time, 16 bytes each. */
const VALUES_AT_A_TIME = 1 << 20;

export interface FiguredMetric extends Omit<ServerMetric, "series"> {
  /** Those that have something to say of the windows. */
  readonly series: readonly FiguredSeries[];
}

export interface FiguredSeries extends MetricSeries {
  readonly figures: MetricFigures;
  /** Empty: none were asked for. */
  readonly slices: readonly FiguredSlice[];
}

export interface FiguredSlice extends Window {
  readonly isComplete: boolean;
  readonly figures: MetricFigures;
}

/** Metrics of servers with their values, by name. @param isWanted of which series */
export function* serverPoints(
  reader: RunReader,
  isWanted: (row: SeriesRow) => boolean = () => true,
): Generator<{ readonly metric: ServerMetric; readonly points: ReadonlyMap<number, Points> }> {
  const metrics = serverMetrics(reader.series({ kinds: ["server"] }).filter(isWanted));
  const scrapes = scrapesBySource(reader);
  for (const batch of batchesOf(metrics, scrapes)) {
    const ids = batch.flatMap(({ series }) => series.flatMap(({ parts }) => parts.map((part) => part.series)));
    const points: ReadonlyMap<number, Points> = reader.seriesPoints(ids, 0, Number.MAX_SAFE_INTEGER);
    for (const metric of batch) yield { metric, points: grown(metric, points, scrapes) };
  }
}

/** `sliceNs`: slices of so long, too. Metrics that say nothing of the windows are left out. */
export function serverFigures(reader: RunReader, windows: readonly Window[], sliceNs?: number): FiguredMetric[] {
  const found: FiguredMetric[] = [];
  for (const { metric, points } of serverPoints(reader)) {
    const series = metric.series.flatMap((each): FiguredSeries[] => {
      const figures = metricFigures(metric.type, each, (id) => points.get(id), windows);
      if (figures === undefined) return [];
      return [{ ...each, figures, slices: sliceNs === undefined ? [] : slicesFor(metric.type, each, points, windows, sliceNs) }];
    });
    if (series.length > 0) found.push({ ...metric, series });
  }
  return found;
}

function slicesFor(
  type: string,
  series: MetricSeries,
  points: ReadonlyMap<number, Points>,
  windows: readonly Window[],
  sliceNs: number,
): FiguredSlice[] {
  const isCounted = type === "counter" || type === "histogram" || type === "summary";
  const all = points.get(series.parts[0]?.series ?? -1);
  if (all === undefined) return [];
  return windows.flatMap((window) => {
    const { ns } = pointsAround(all, window);
    const slices = slicesOf(window, sliceNs);
    return slices.flatMap((slice, at): FiguredSlice[] => {
      const seen = isCounted ? snapped(ns, slice, at === slices.length - 1) : slice;
      const figures = metricFigures(type, series, (id) => points.get(id), [seen]);
      return figures === undefined ? [] : [{ ...slice, isComplete: slice.endNs - slice.startNs >= sliceNs, figures }];
    });
  });
}

/** When each page was scraped, by its URL. */
function scrapesBySource(reader: RunReader): Map<string, Float64Array> {
  const servers = reader.telemetrySources().filter(({ kind }) => kind === "server");
  return new Map(servers.map(({ kind, name }) => [name, reader.scrapeEnds(kind, name)]));
}

function grown(
  { type, series }: ServerMetric,
  points: ReadonlyMap<number, Points>,
  scrapes: ReadonlyMap<string, Float64Array>,
): ReadonlyMap<number, Points> {
  if (type !== "counter" && type !== "histogram" && type !== "summary") return points;
  return new Map(
    series.flatMap(({ source, parts }) =>
      parts.flatMap(({ series: id, is }) => {
        const own = points.get(id);
        if (own === undefined) return [];
        return [[id, is === "quantile" ? own : bornAtZero(own, scrapes.get(source) ?? new Float64Array())] as const];
      }),
    ),
  );
}

function batchesOf(metrics: readonly ServerMetric[], scrapes: ReadonlyMap<string, Float64Array>): ServerMetric[][] {
  const batches: ServerMetric[][] = [];
  let room = 0;
  for (const metric of metrics) {
    const size = metric.series.reduce((sum, { source, parts }) => sum + parts.length * (scrapes.get(source)?.length ?? 0), 0);
    if (size > room || batches.length === 0) {
      batches.push([]);
      room = VALUES_AT_A_TIME;
    }
    room -= size;
    batches.at(-1)?.push(metric);
  }
  return batches;
}
