/**
 * `column:NAME`: the prompt is the field `NAME` of a row, whatever else there is: of a table that was not made for load tests, one column.
 * A list of texts is a conversation of so many turns.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { isName, type ReadRow, type RowTurn, shownValue } from "./row.ts";

const prefix = "column:";

/** The format of such a name; undefined: it is none. */
export function columnFormat(name: string): Format | undefined {
  const column = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  if (column === "") return undefined;
  return {
    name,
    fields: [column],
    recognizes: () => false,
    createReader: () => ({ read: (row) => readColumn(row, column) }),
  };
}

function readColumn(row: JsonObject, column: string): ReadRow {
  const value = row[column];
  const texts = Array.isArray(value) ? value : [value];
  const [first, ...others] = texts;
  if (!isName(first) || !others.every(isName)) {
    const has = value === undefined ? `nothing; the row has ${Object.keys(row).slice(0, 8).join(", ")}` : shownValue(value);
    return { problem: { field: column, message: `expected a text or a list of texts, got ${has}` } };
  }
  return { row: { sessionId: undefined, turns: [turnOf(first), ...others.map(turnOf)], unknownFields: [] } };
}

function turnOf(content: string): RowTurn {
  const nothing = { maxOutputTokens: undefined, model: undefined, extraInputs: undefined, timestampMs: undefined } as const;
  return { messages: [{ role: "user", content }], delayMs: 0, ...nothing };
}
