/**
 * Keeps the rows of `requests` once more as columns, in the table `chunks`, while they are written: 4096 neighbouring credit ids make a
 * chunk. Until all of them are there they wait in memory; credits that never come keep a chunk waiting until `flush`. What is written joins the transaction
 * of the rows, so that a chunk always has exactly the rows of its ids, or is not there.
 */
import { SHARD_BLOCK } from "../../common/record-shard.ts";
import type { SqliteDatabase, SqliteStatement } from "../../common/sqlite.ts";
import { GapBytes, GapCounter } from "../core/gap-counts.ts";
import { packNumbers, packTexts } from "../core/packed-column.ts";
import { rowNames } from "./bind.ts";
import { chunkedColumns, isTextColumn } from "./schema.ts";

/** Credit ids of a chunk: of one shard, so that it has all rows of its ids wherever it was made. */
export const CHUNK_ROWS = SHARD_BLOCK;
/** Chunks that wait in memory at a time, about a megabyte each; the oldest is written as it is when there are more. */
const MAX_WAITING = 16;

/** What `chunks` calls the columns that a chunk was made of, with a value or without: a JSON array, metrics left out, which rows have from the beginning. */
export const COLUMNS_NAME = "columns";

interface ColumnPlace {
  readonly name: string;
  /** In the row. */
  readonly at: number;
  readonly isText: boolean;
}

interface WaitingChunk {
  rows: number;
  /** By place; undefined: no value yet. */
  readonly columns: (Float64Array | undefined)[];
  /** Of columns of texts: their indices, in their order. */
  readonly texts: (Map<string, number> | undefined)[];
  /** Of succeeded requests, by phase. */
  readonly gaps: Map<number, GapBytes>;
}

/** What of a row its columns do not say by themselves. */
export interface ChunkRow {
  readonly creditId: number;
  readonly phase: number;
  readonly isSuccess: boolean;
  /** Packed as `chunk-stamps.ts` says. */
  readonly stamps: Uint8Array;
}

export class ColumnChunks {
  readonly #places: readonly ColumnPlace[];
  readonly #columns = new TextEncoder().encode(JSON.stringify([...chunkedColumns]));
  readonly #put: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #waiting = new Map<number, WaitingChunk>();
  readonly #stored: Set<number>;
  /** Of which rows are in the file alone: they stay there. */
  readonly #left = new Set<number>();
  readonly #counter = new GapCounter();

  /** `metricTags` as those of the rows. */
  constructor(db: SqliteDatabase, metricTags: readonly string[]) {
    const metrics = new Set(metricTags);
    this.#places = rowNames(metricTags).flatMap((name, at) => {
      return chunkedColumns.has(name) || metrics.has(name) ? [{ name, at, isText: isTextColumn(name) }] : [];
    });
    this.#put = db.prepare("INSERT INTO chunks (chunk, name, data) VALUES (?, ?, ?)");
    this.#remove = db.prepare("DELETE FROM chunks WHERE chunk = ?");
    this.#stored = new Set(db.prepare("SELECT DISTINCT chunk FROM chunks").pluck().all() as number[]);
  }

  /** A row that was in the file when it was opened. */
  found(creditId: number): void {
    const chunk = Math.floor(creditId / CHUNK_ROWS);
    if (!this.#stored.has(chunk)) this.#left.add(chunk);
  }

  /** A row that was inserted, as `bindRecord` has it. */
  add(row: readonly unknown[], { creditId, phase, isSuccess, stamps }: ChunkRow): void {
    const number = Math.floor(creditId / CHUNK_ROWS);
    if (this.#stored.has(number)) this.#leave(number);
    if (this.#left.has(number)) return;
    const chunk = this.#waiting.get(number) ?? this.#begin(number);
    const index = creditId - number * CHUNK_ROWS;
    for (let place = 0; place < this.#places.length; place++) {
      const { at, isText } = this.#places[place] as ColumnPlace;
      const value = row[at];
      if (value === null) continue;
      const column = chunk.columns[place] ?? newColumn(chunk, place);
      column[index] = isText ? textIndex(chunk, place, value as string) : (value as number);
    }
    if (isSuccess && stamps.length > 1) gapsOf(chunk, phase).add(stamps);
    if (++chunk.rows === CHUNK_ROWS) this.#store(number, chunk);
  }

  /** A row that was deleted. */
  removed(creditId: number): void {
    this.#leave(Math.floor(creditId / CHUNK_ROWS));
  }

  /** Writes what waits, unless it is all there is: a few thousand rows are read as fast from `requests`. */
  flush(): void {
    if (this.#stored.size === 0 && this.#waiting.size < 2) return;
    for (const [number, chunk] of this.#waiting) this.#store(number, chunk);
  }

  #begin(number: number): WaitingChunk {
    const chunk: WaitingChunk = { rows: 0, columns: [], texts: [], gaps: new Map() };
    this.#waiting.set(number, chunk);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#store(...oldest);
    return chunk;
  }

  #store(number: number, { columns, texts, gaps }: WaitingChunk): void {
    for (const [place, { name, isText }] of this.#places.entries()) {
      const column = columns[place];
      if (column === undefined) continue;
      const data = isText ? packTexts(column, [...(texts[place]?.keys() ?? [])]) : packNumbers(column);
      if (data !== undefined) this.#put.run(number, name, data);
    }
    this.#put.run(number, COLUMNS_NAME, this.#columns);
    for (const [phase, bytes] of gaps) this.#put.run(number, gapsName(phase), this.#counter.packed(bytes.bytes()));
    this.#waiting.delete(number);
    this.#stored.add(number);
  }

  #leave(number: number): void {
    this.#waiting.delete(number);
    if (this.#stored.delete(number)) this.#remove.run(number);
    this.#left.add(number);
  }
}

/** What `chunks` calls the gaps of a phase. */
export function gapsName(phase: number): string {
  return `gaps:${phase}`;
}

function newColumn({ columns }: WaitingChunk, place: number): Float64Array {
  const column = new Float64Array(CHUNK_ROWS).fill(Number.NaN);
  columns[place] = column;
  return column;
}

function textIndex(chunk: WaitingChunk, place: number, text: string): number {
  const texts = chunk.texts[place] ?? new Map<string, number>();
  chunk.texts[place] = texts;
  const known = texts.get(text);
  if (known !== undefined) return known;
  texts.set(text, texts.size);
  return texts.size - 1;
}

function gapsOf({ gaps }: WaitingChunk, phase: number): GapBytes {
  const known = gaps.get(phase);
  if (known !== undefined) return known;
  const made = new GapBytes();
  gaps.set(phase, made);
  return made;
}
