/** Reads what was scraped out of a run's file. */
import type { SqliteDatabase } from "../../common/sqlite.ts";
import type { GapRow, ScrapeReading, SeriesPoints, SeriesRow, SourceRow } from "../core/telemetry-rows.ts";

/** Which series; what is left out is any. */
export interface SeriesFilter {
  readonly kinds?: readonly string[];
  readonly names?: readonly string[];
  readonly families?: readonly string[];
  /** Names of sources. */
  readonly sources?: readonly string[];
}

/** In the order in which they were first seen. */
export function readSeries(db: SqliteDatabase, filter: SeriesFilter): SeriesRow[] {
  const conditions: string[] = [];
  const parameters: string[] = [];
  const among = (column: string, allowed: readonly string[] | undefined): void => {
    if (allowed === undefined) return;
    conditions.push(`${column} IN (SELECT value FROM json_each(?))`);
    parameters.push(JSON.stringify(allowed));
  };
  among("kind", filter.kinds);
  among("series.name", filter.names);
  among("family", filter.families);
  among("sources.name", filter.sources);
  const sql = `SELECT series, place, kind, sources.name AS source, subject, series.name AS name, family, type, unit, help, labels
    FROM series JOIN sources USING (source) ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`} ORDER BY series`;
  const rows = db.prepare(sql).all(...parameters) as (Omit<SeriesRow, "labels"> & { readonly labels: string })[];
  return rows.map((row) => ({ ...row, labels: JSON.parse(row.labels) as Record<string, string> }));
}

/**
 * Values of some series by their numbers, of scrapes that ended from `fromNs` to `toNs`, both included. Each scrape of their sources is read once,
 * so that many series of one source cost little more than one; memory is 16 bytes a value, and 8 each time that a series is absent.
 */
export function readPoints(
  db: SqliteDatabase,
  series: readonly number[],
  fromNs: number,
  toNs: number,
): Map<number, SeriesPoints> {
  const places = db
    .prepare("SELECT source, place, series FROM series WHERE series IN (SELECT value FROM json_each(?))")
    .raw()
    .all(JSON.stringify(series)) as [source: number, place: number, series: number][];
  const sql =
    "SELECT end_ns, readings FROM samples WHERE source = ? AND end_ns BETWEEN ? AND ? AND readings IS NOT NULL ORDER BY end_ns";
  const scrapes = db.prepare(sql).raw();
  const points = new Map<number, SeriesPoints>();
  for (const [source, wanted] of Map.groupBy(places, ([of]) => of)) {
    const found = wanted.map(([, place, number]) => {
      return { place, number, ns: [] as number[], values: [] as number[], absentNs: [] as number[], isAbsent: false };
    });
    for (const [endNs, text] of scrapes.iterate(source, fromNs, toNs) as IterableIterator<[number, string]>) {
      const readings = JSON.parse(text) as (number | null)[];
      for (const series of found) {
        const value = readings[series.place] ?? undefined;
        if (value === undefined) {
          if (!series.isAbsent) series.absentNs.push(endNs);
        } else {
          series.ns.push(endNs);
          series.values.push(value);
        }
        series.isAbsent = value === undefined;
      }
    }
    for (const { number, ns, values, absentNs } of found) {
      const times = { ns: Float64Array.from(ns), absentNs: Float64Array.from(absentNs) };
      points.set(number, { ...times, values: Float64Array.from(values) });
    }
  }
  return points;
}

/** All scrapes of one source, in order of time. */
export function* readScrapes(db: SqliteDatabase, kind: string, name: string): Generator<ScrapeReading> {
  const sql = `SELECT start_ns, end_ns, readings FROM samples WHERE source = (SELECT source FROM sources WHERE kind = ? AND name = ?)
    ORDER BY end_ns`;
  const rows = db.prepare(sql).raw().iterate(kind, name) as IterableIterator<[number, number, string | null]>;
  for (const [startNs, endNs, text] of rows) {
    yield { startNs, endNs, values: text === null ? undefined : (JSON.parse(text) as (number | null)[]) };
  }
}

/** When the scrapes of one source ended that gave something, ascending. */
export function readScrapeEnds(db: SqliteDatabase, kind: string, name: string): Float64Array {
  const sql = `SELECT end_ns FROM samples WHERE source = (SELECT source FROM sources WHERE kind = ? AND name = ?) AND readings IS NOT NULL
    ORDER BY end_ns`;
  return Float64Array.from(db.prepare(sql).pluck().all(kind, name) as number[]);
}

/** At least as many as there are scrapes, and known without counting them. */
export function readScrapeBound(db: SqliteDatabase): number {
  return db.prepare("SELECT coalesce(max(rowid), 0) FROM samples").pluck().get() as number;
}

/** End of the last scrape of any source; undefined: there is none. */
export function readLastScrapeNs(db: SqliteDatabase): number | undefined {
  return (db.prepare("SELECT max(end_ns) FROM samples").pluck().get() as number | null) ?? undefined;
}

/** In order of time. */
export function readGaps(db: SqliteDatabase): GapRow[] {
  const sql = `SELECT kind, name, start_ns AS startNs, end_ns AS endNs, gap AS reason
    FROM samples JOIN sources USING (source) WHERE gap IS NOT NULL ORDER BY end_ns`;
  return db.prepare(sql).all() as GapRow[];
}

/** In the order in which they were first seen. */
export function readSources(db: SqliteDatabase): SourceRow[] {
  const sql = `SELECT kind, name, count(readings) AS scrapes, count(gap) AS gaps,
      max(source_wall_ns - end_ns - suite_wall_offset_ns) AS skewNs
    FROM sources LEFT JOIN samples USING (source) CROSS JOIN run GROUP BY source ORDER BY source`;
  const rows = db.prepare(sql).all() as (Omit<SourceRow, "skewNs"> & { readonly skewNs: number | null })[];
  return rows.map(({ skewNs, ...row }) => ({ ...row, skewNs: skewNs ?? undefined }));
}
