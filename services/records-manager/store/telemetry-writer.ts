/** Writes sources, series and scrapes into a run's file; the caller owns the transaction. Numbers and places stay those of the file. */
import type { SqliteDatabase, SqliteStatement } from "../../common/sqlite.ts";
import type { ScrapeRow, SeriesFacts, SourceFacts } from "../core/telemetry-rows.ts";

interface KnownSource {
  readonly source: number;
  /** By what tells the series of a source apart. */
  readonly places: Map<string, number>;
}

export class TelemetryWriter {
  readonly #db: SqliteDatabase;
  readonly #sources = new Map<string, KnownSource>();
  readonly #bySource = new Map<number, KnownSource>();
  #insert: SqliteStatement | undefined;

  constructor(db: SqliteDatabase) {
    this.#db = db;
    const sources = db.prepare("SELECT source, kind, name FROM sources").raw().all() as [number, string, string][];
    for (const [source, kind, name] of sources) this.#know(source, { kind, name });
    const sql = "SELECT source, place, subject, name, type, unit, labels FROM series";
    const series = db.prepare(sql).raw().all() as [number, number, ...string[]][];
    for (const [source, place, ...key] of series) this.#bySource.get(source)?.places.set(JSON.stringify(key), place);
  }

  /** Number of a source, which is new or not. */
  sourceOf(facts: SourceFacts): number {
    const known = this.#sources.get(keyOf(facts));
    if (known !== undefined) return known.source;
    const { lastInsertRowid } = this.#db.prepare("INSERT INTO sources (kind, name) VALUES (?, ?)").run(facts.kind, facts.name);
    return this.#know(Number(lastInsertRowid), facts).source;
  }

  /** Place of a series, new or not, in the scrapes of its source. A series is one subject's, name's, type's, unit's and set of labels'. */
  placeOf(source: number, { subject, name, family, type, unit, help, labels }: SeriesFacts): number {
    const { places } = this.#bySource.get(source) ?? this.#unknown(source);
    const text = JSON.stringify(labels);
    const key = JSON.stringify([subject, name, type, unit, text]);
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = places.size;
    this.#db
      .prepare(
        "INSERT INTO series (source, place, subject, name, family, type, unit, help, labels) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(source, place, subject, name, family, type, unit, help, text);
    places.set(key, place);
    return place;
  }

  addScrape({ source, startNs, endNs, sourceWallNs, ageNs, outcome }: ScrapeRow): void {
    this.#insert ??= this.#db.prepare<unknown[]>("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)");
    const isGap = "gap" in outcome;
    this.#insert.run(
      source,
      Math.round(startNs),
      Math.round(endNs),
      roundedOrNull(sourceWallNs),
      roundedOrNull(ageNs),
      isGap ? outcome.gap : null,
      isGap ? null : readingsOf(outcome),
    );
  }

  /** The last batch of a sender that is in the file; 0: none. */
  lastSeqOf(memberId: string): number {
    const seq = this.#db.prepare("SELECT seq FROM sample_senders WHERE member_id = ?").pluck().get(memberId);
    return (seq as number | undefined) ?? 0;
  }

  setLastSeq(memberId: string, seq: number): void {
    this.#db
      .prepare("INSERT INTO sample_senders VALUES (?, ?) ON CONFLICT (member_id) DO UPDATE SET seq = excluded.seq")
      .run(memberId, seq);
  }

  #know(source: number, facts: SourceFacts): KnownSource {
    const known = { source, places: new Map<string, number>() };
    this.#sources.set(keyOf(facts), known);
    this.#bySource.set(source, known);
    return known;
  }

  #unknown(source: number): never {
    throw new Error(`telemetry source ${source} is not in the file`);
  }
}

function keyOf({ kind, name }: SourceFacts): string {
  return `${kind} ${name}`;
}

/** JSON has no infinities, but every reader of it takes a number that is too large for one. */
function readingsOf(values: ArrayLike<number>): string {
  let text = "[";
  for (let place = 0; place < values.length; place++) {
    const value = values[place] as number;
    if (place > 0) text += ",";
    if (Number.isNaN(value)) text += "null";
    else if (Number.isFinite(value)) text += value;
    else text += value > 0 ? "9e999" : "-9e999";
  }
  return `${text}]`;
}

function roundedOrNull(ns: number | undefined): number | null {
  return ns === undefined ? null : Math.round(ns);
}
