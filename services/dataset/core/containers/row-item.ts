/** What a container of rows gives, whatever it is: JSON lines, a CSV file, a Parquet file. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";

/** A row, or what stands in a row's place. Of CSV all values are texts (see `Format.textFields`). */
export type RowItem =
  | {
      readonly kind: "row";
      readonly value: JsonObject;
      /** Where one of its fields begins; the row itself for undefined or a field that it does not have. */
      readonly placeOf: (field: string | undefined) => Place;
    }
  | { readonly kind: "mistake"; readonly mistake: Mistake };

/** Both from 1; a line of 0: the whole file; a column of 0: none is known. */
export interface Place {
  readonly line: number;
  readonly column: number;
  /** The file has no lines: `line` counts its rows. */
  readonly isRow?: boolean;
}

/** Why something in a file cannot be used. */
export interface Mistake extends Place {
  readonly message: string;
}

/** A container is fed with the pieces of one file and gives its rows. Its memory is bounded by the longest row that is taken. */
export interface RowContainer {
  readonly push: (piece: Uint8Array, take: (item: RowItem) => void) => void;
  /** The file is over. */
  readonly end: (take: (item: RowItem) => void) => void;
}

export function mistakeText({ line, column, isRow, message }: Mistake): string {
  if (line === 0) return message;
  const place = isRow ? `row ${line}` : `line ${line}`;
  return column === 0 ? `${place}: ${message}` : `${place}, column ${column}: ${message}`;
}
