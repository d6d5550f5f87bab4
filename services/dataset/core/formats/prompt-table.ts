/**
 * Tables that were not made for load tests: a row is a prompt, of one column or put together of several, and perhaps a medium in a column
 * beside it. As AIPerf reads its public datasets: a row without a prompt is left out.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { readContent } from "./content.ts";
import type { Format, RowReader } from "./format.ts";
import type { Medium, ReadMedia } from "./media.ts";
import { bareTurn, isGiven, type ReadRow, type RowProblem, type RowTurn } from "./row.ts";

/** The prompt of each turn; those that are blank are left out. */
export type Texts = readonly string[] | { readonly problem: RowProblem };

export interface PromptTable {
  /** Columns that the prompt is made of. */
  readonly texts: readonly string[];
  /** Columns of media; the first turn has them. A list is as many. */
  readonly media: Readonly<Partial<Record<Medium, string>>>;
  readonly textsOf: (row: JsonObject) => Texts;
  /** Of a medium's column only the first of a list is sent. */
  readonly isFirstMediumAlone?: boolean;
  /** A row without its medium is left out; otherwise its prompt is sent alone. */
  readonly needsMedium?: boolean;
  /** Why a row is not sent, for people: `are longer than 30 s`. Undefined: it is. Absent: all are. */
  readonly leavesOut?: (row: JsonObject) => string | undefined;
}

/** The format of such a table. No file is taken for one by itself. */
export function promptTable(name: string, table: PromptTable): Format {
  return {
    name,
    fields: columnsOf(table),
    recognizes: () => false,
    createReader: (_options, { readMedia }) => new TableReader(table, readMedia),
  };
}

function columnsOf({ texts, media }: PromptTable): readonly string[] {
  return [...texts, ...Object.values(media)];
}

class TableReader implements RowReader {
  readonly #table: PromptTable;
  readonly #readMedia: ReadMedia;
  /** Columns that no row had so far. */
  readonly #missing: Set<string>;
  readonly #leftOut = new Map<string, number>();

  constructor(table: PromptTable, readMedia: ReadMedia) {
    this.#table = table;
    this.#readMedia = readMedia;
    this.#missing = new Set(columnsOf(table));
  }

  read = (row: JsonObject): ReadRow => {
    const { texts: textColumns, textsOf, needsMedium = false, leavesOut } = this.#table;
    for (const column of this.#missing) {
      if (column in row) this.#missing.delete(column);
      // A medium may be missing here and there.
      else if (textColumns.includes(column)) return { problem: { field: undefined, message: lacks(row, column) } };
    }
    const found = textsOf(row);
    if ("problem" in found) return found;
    const texts = found.filter((text) => text.trim() !== "");
    if (texts.length === 0) return this.#leaveOut("have no prompt");
    const media = this.#mediaOf(row);
    if (needsMedium && Object.keys(media).length === 0) return this.#leaveOut(`have no ${this.#mediaNames()}`);
    const why = leavesOut?.(row);
    return why === undefined ? this.#turns(texts, media) : this.#leaveOut(why);
  };

  notes = (): readonly string[] => [
    ...[...this.#leftOut].map(([why, rows]) => `rows that ${why} were left out, as in AIPerf: ${rows}`),
    ...[...this.#missing].map((column) => `no row has the field ${column}`),
  ];

  #turns(texts: readonly string[], media: JsonObject): ReadRow {
    const turns: RowTurn[] = [];
    for (const text of texts) {
      const read = readContent({ text, ...(turns.length === 0 ? media : {}) }, { readMedia: this.#readMedia });
      if ("problem" in read) return { problem: this.#inColumns(read.problem) };
      turns.push({ ...bareTurn, messages: [{ role: "user", ...read.content }] });
    }
    const [first, ...rest] = turns;
    return { row: first && { sessionId: undefined, turns: [first, ...rest], unknownFields: [] } };
  }

  /** In the words of `content.ts`. */
  #mediaOf(row: JsonObject): JsonObject {
    const { media, isFirstMediumAlone = false } = this.#table;
    const fields = Object.entries(media).flatMap(([medium, column]) => {
      const value = row[column];
      if (!isGiven(value) || value === "" || (Array.isArray(value) && value.length === 0)) return [];
      if (!Array.isArray(value)) return [[medium, value]];
      return isFirstMediumAlone ? [[medium, value[0]]] : [[`${medium}s`, value]];
    });
    return Object.fromEntries(fields);
  }

  #inColumns({ field, message }: RowProblem): RowProblem {
    const { media, texts } = this.#table;
    const known: Readonly<Record<string, string | undefined>> = { text: texts[0], ...media };
    return { field: field && known[field.replace(/s$/, "")], message };
  }

  #leaveOut(why: string): ReadRow {
    this.#leftOut.set(why, (this.#leftOut.get(why) ?? 0) + 1);
    return { row: undefined };
  }

  #mediaNames(): string {
    return Object.values(this.#table.media).join(", ");
  }
}

function lacks(row: JsonObject, column: string): string {
  return `expected the field ${column}, got nothing; the row has ${Object.keys(row).slice(0, 8).join(", ")}`;
}
