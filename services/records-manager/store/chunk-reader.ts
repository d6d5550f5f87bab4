/**
 * Reads rows of `requests` as columns, 4096 neighbouring credit ids at a time: from `chunks` where a chunk has them, else from the rows. Both
 * give the same numbers, the first many times as fast. A reader is for a file that does not change meanwhile.
 */
import type { SqliteDatabase, SqliteStatement } from "../../common/sqlite.ts";
import { unpackNumbers, unpackTexts } from "../core/packed-column.ts";
import { CHUNK_ROWS, COLUMNS_NAME, gapsName } from "./column-chunks.ts";
import { chunkedColumns, isTextColumn, STAMPS_COLUMN } from "./schema.ts";

/** Rows as columns, in the order of the names asked for. Arrays are filled anew for the next chunk. */
export interface RowChunk {
  /** Credit id of the first place. */
  readonly firstId: number;
  /** Index of the phase of every place; NaN: there is no row. Places are credit ids, ascending. */
  readonly phases: Float64Array;
  /** NaN: no value. Of a column of texts: indices of `texts`. */
  readonly columns: readonly Float64Array[];
  /** Of the columns that have texts. */
  readonly texts: readonly (readonly string[] | undefined)[];
}

/** Gaps of succeeded requests of a phase: of one answer, packed as `chunk-stamps.ts` says, or counted, as `gap-counts.ts` does. */
export type Gaps =
  | { readonly phase: number; readonly stamps: Uint8Array }
  | { readonly phase: number; readonly counts: Uint8Array };

const PHASE = "phase";
/** What every pass over the rows needs: kept, as far as it is small. */
const KEPT_NAMES: ReadonlySet<string> = new Set([PHASE, COLUMNS_NAME, "is_cancelled", "error_code"]);
const KEPT_BYTES = 5_000;
const utf8 = new TextDecoder();

export class ChunkReader {
  readonly #db: SqliteDatabase;
  readonly #expressionOf: (column: string) => string;
  /** Undefined: the file is from before there were chunks. */
  readonly #find: SqliteStatement | undefined;
  #numbers: readonly number[] | undefined;
  readonly #kept = new Map<string, Map<number, Uint8Array | undefined>>();
  /** By the text that chunks have of them. */
  readonly #columns = new Map<string, ReadonlySet<string>>();

  /** `expressionOf` gives a column as SQL. */
  constructor(db: SqliteDatabase, expressionOf: (column: string) => string) {
    this.#db = db;
    this.#expressionOf = expressionOf;
    const find = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'chunks'";
    const hasChunks = db.prepare(find).pluck().get() === 1;
    this.#find = hasChunks ? db.prepare<unknown[]>("SELECT data FROM chunks WHERE chunk = ? AND name = ?").pluck() : undefined;
  }

  /** All rows, by ascending credit id. Columns are those that chunks have. */
  *chunks(names: readonly string[]): Generator<RowChunk> {
    const phases = new Float64Array(CHUNK_ROWS);
    const columns = names.map(() => new Float64Array(CHUNK_ROWS));
    const fromRows = this.#rowsReader(names);
    const fixed = names.filter((name) => chunkedColumns.has(name));
    for (const number of this.#chunkNumbers()) {
      const firstId = number * CHUNK_ROWS;
      const phaseData = this.#data(number, PHASE);
      if (phaseData === undefined || !this.#isMadeOf(number, fixed)) {
        yield { firstId, phases, columns, texts: fromRows(number, phases, columns) };
        continue;
      }
      unpackNumbers(phaseData, phases);
      const texts = names.map((name, index) => {
        const data = this.#data(number, name);
        const column = columns[index] as Float64Array;
        if (data === undefined) column.fill(Number.NaN);
        else unpackNumbers(data, column);
        return isTextColumn(name) ? (data === undefined ? [] : unpackTexts(data, CHUNK_ROWS)) : undefined;
      });
      yield { firstId, phases, columns, texts };
    }
  }

  /** The same as rows, a chunk at a time: the credit id, then the columns; null: no value. `phase`: of this one alone. */
  *pages(names: readonly string[], phase: number | undefined): Generator<unknown[][]> {
    for (const chunk of this.chunks(names)) {
      const rows: unknown[][] = [];
      for (let place = 0; place < chunk.phases.length; place++) {
        const of = chunk.phases[place] as number;
        if (Number.isNaN(of) || (phase !== undefined && of !== phase)) continue;
        const row: unknown[] = [chunk.firstId + place];
        fillRow(row, chunk, place);
        rows.push(row);
      }
      if (rows.length > 0) yield rows;
    }
  }

  /** Gaps of all succeeded requests of some phases. */
  *gaps(phases: readonly number[]): Generator<Gaps> {
    const where = "credit_id BETWEEN ? AND ? AND is_cancelled = 0 AND error_code IS NULL";
    const rows = this.#db.prepare(`SELECT phase, ${STAMPS_COLUMN} FROM requests WHERE ${where}`).raw();
    for (const number of this.#chunkNumbers()) {
      if (this.#data(number, PHASE) !== undefined) {
        for (const phase of phases) {
          const counts = this.#data(number, gapsName(phase));
          if (counts !== undefined) yield { phase, counts };
        }
        continue;
      }
      for (const [phase, stamps] of rows.all(...idsOf(number)) as [number, Uint8Array][]) yield { phase, stamps };
    }
  }

  /** Whether the file has chunks at all. */
  get hasChunks(): boolean {
    return this.#find !== undefined && this.#db.prepare("SELECT 1 FROM chunks LIMIT 1").get() !== undefined;
  }

  /** Which of some columns have a value. */
  namesWithValues(names: readonly string[]): Set<string> {
    const rows = this.#rowsReader(names);
    const phases = new Float64Array(CHUNK_ROWS);
    const columns = names.map(() => new Float64Array(CHUNK_ROWS));
    const stored = this.#storedNumbers();
    const sql = "SELECT DISTINCT name FROM chunks";
    const found = new Set(stored.size === 0 ? [] : (this.#db.prepare(sql).pluck().all() as string[]));
    for (const number of this.#chunkNumbers()) {
      if (stored.has(number)) continue;
      rows(number, phases, columns);
      for (const [index, name] of names.entries()) {
        if (!found.has(name) && columns[index]?.some((value) => !Number.isNaN(value))) found.add(name);
      }
    }
    return new Set(names.filter((name) => found.has(name)));
  }

  /** Of the chunks that have rows, ascending. */
  #chunkNumbers(): readonly number[] {
    this.#numbers ??= this.#foundNumbers();
    return this.#numbers;
  }

  #foundNumbers(): number[] {
    const next = this.#db.prepare("SELECT credit_id FROM requests WHERE credit_id >= ? ORDER BY credit_id LIMIT 1").pluck();
    const numbers: number[] = [];
    for (let creditId = next.get(0); typeof creditId === "number"; ) {
      const number = Math.floor(creditId / CHUNK_ROWS);
      numbers.push(number);
      creditId = next.get((number + 1) * CHUNK_ROWS);
    }
    return numbers;
  }

  #storedNumbers(): Set<number> {
    if (this.#find === undefined) return new Set();
    return new Set(this.#db.prepare("SELECT DISTINCT chunk FROM chunks").pluck().all() as number[]);
  }

  /** Undefined: no value, or no such chunk. */
  #data(number: number, name: string): Uint8Array | undefined {
    if (!KEPT_NAMES.has(name)) return this.#find?.get(number, name) as Uint8Array | undefined;
    const kept = this.#kept.get(name) ?? new Map<number, Uint8Array | undefined>();
    this.#kept.set(name, kept);
    if (kept.has(number)) return kept.get(number);
    const data = this.#find?.get(number, name) as Uint8Array | undefined;
    if (data === undefined || data.length <= KEPT_BYTES) kept.set(number, data);
    return data;
  }

  /** Whether a chunk has what rows have of these columns: one that an older program made may lack some. */
  #isMadeOf(number: number, columns: readonly string[]): boolean {
    const data = this.#data(number, COLUMNS_NAME);
    if (data === undefined) return false;
    const text = utf8.decode(data);
    const known = this.#columns.get(text) ?? new Set(JSON.parse(text) as string[]);
    this.#columns.set(text, known);
    return columns.every((column) => known.has(column));
  }

  /** Fills the arrays; gives the texts of those columns that have them. */
  #rowsReader(names: readonly string[]) {
    const selected = ["credit_id", PHASE, ...names.map((name) => this.#expressionOf(name))].join(", ");
    const statement = this.#db.prepare(`SELECT ${selected} FROM requests WHERE credit_id BETWEEN ? AND ?`).raw();
    return (number: number, phases: Float64Array, columns: readonly Float64Array[]): (string[] | undefined)[] => {
      for (const column of [phases, ...columns]) column.fill(Number.NaN);
      const known = names.map((name) => (isTextColumn(name) ? new Map<string, number>() : undefined));
      const [firstId, lastId] = idsOf(number);
      for (const row of statement.all(firstId, lastId) as unknown[][]) {
        const place = (row[0] as number) - firstId;
        phases[place] = row[1] as number;
        for (let index = 0; index < columns.length; index++) {
          const value = row[index + 2];
          const column = columns[index];
          if (value === null || column === undefined) continue;
          column[place] = typeof value === "string" ? indexIn(known[index], value) : (value as number);
        }
      }
      return known.map((texts) => texts && [...texts.keys()]);
    };
  }
}

function idsOf(number: number): [firstId: number, lastId: number] {
  return [number * CHUNK_ROWS, (number + 1) * CHUNK_ROWS - 1];
}

function indexIn(texts: Map<string, number> | undefined, text: string): number {
  const known = texts?.get(text);
  if (known !== undefined) return known;
  const index = texts?.size ?? 0;
  texts?.set(text, index);
  return index;
}

/** Fills a row with the columns of a place behind its first value; null: no value. */
export function fillRow(row: unknown[], { columns, texts }: RowChunk, place: number): void {
  for (let index = 0; index < columns.length; index++) {
    const value = columns[index]?.[place] ?? Number.NaN;
    row[index + 1] = Number.isNaN(value) ? null : (texts[index]?.[value] ?? value);
  }
}
