/**
 * Which format a file has, from its first row, as AIPerf's loaders find out (`can_load`). Formats that this version does not read
 * are known by name, so that a file of one is refused as what it is. Pure.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { formatNamed, formats } from "./catalog.ts";
import type { Format, RowSource } from "./format.ts";
import { multiTurnFormat } from "./multi-turn.ts";

/** The format of a row, or why the file is refused. */
export type Detected =
  | {
      readonly format: Format;
      /** What it was known by, for people: `its first row has text`. */
      readonly reason: string;
    }
  | { readonly refusal: string };

/** By what AIPerf's own loaders look at, in its order. */
const others: readonly (readonly [name: string, isIt: (row: JsonObject) => boolean])[] = [
  ["weka_trace", (row) => Array.isArray(row.requests)],
];

const otherNames: ReadonlySet<string> = new Set(others.map(([name]) => name));

/** Whether a name is that of a format which other versions read. */
export function isOtherFormat(name: string): boolean {
  return otherNames.has(name);
}

/** The format of a file whose first row is this. */
export function detectFormat(row: JsonObject, source: RowSource): Detected {
  // AIPerf takes an unknown type for a field of the row's own.
  if (typeof row.type === "string" && otherNames.has(row.type)) return unread(row.type);
  const own = typeof row.type === "string" ? formatNamed(row.type) : undefined;
  if (own !== undefined) return { format: own, reason: `its first row has the type ${own.name}` };
  const other = others.find(([, isIt]) => isIt(row));
  const format = formats.find(({ recognizes }) => recognizes(row, source));
  if (other !== undefined && (format === undefined || format === multiTurnFormat)) return unread(other[0]);
  if (format !== undefined) return { format, reason: `its first row has ${knownFieldsOf(row, format)}` };
  const fields = Object.keys(row);
  const has = fields.length === 0 ? "no field" : `the fields ${fields.slice(0, 8).join(", ")}${fields.length > 8 ? ", …" : ""}`;
  return {
    refusal: `no format that is known: a row of single_turn has the field text, one of multi_turn has turns, this one has ${has}`,
  };
}

/** The first fields of a row that its format has. */
function knownFieldsOf(row: JsonObject, { fields }: Format): string {
  const known = Object.keys(row).filter((field) => fields.includes(field));
  return known.length === 0 ? "the shape of one" : known.slice(0, 3).join(", ");
}

function unread(name: string): { readonly refusal: string } {
  return {
    refusal: `this looks like ${name}, which is not supported by this version; it reads ${formats.map((format) => format.name).join(", ")}`,
  };
}
