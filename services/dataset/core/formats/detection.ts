/** Which format a file has, from its first row, as AIPerf's loaders find out (`can_load`). Pure. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { formatNamed, formats } from "./catalog.ts";
import type { Format, RowSource } from "./format.ts";

/** The format of a row, or why the file is refused. */
export type Detected =
  | {
      readonly format: Format;
      /** What it was known by, for people: `its first row has text`. */
      readonly reason: string;
    }
  | { readonly refusal: string };

/** The format of a file whose first row is this. */
export function detectFormat(row: JsonObject, source: RowSource): Detected {
  // AIPerf takes an unknown type for a field of the row's own.
  const own = typeof row.type === "string" ? formatNamed(row.type) : undefined;
  if (own !== undefined) return { format: own, reason: `its first row has the type ${own.name}` };
  const format = formats.find(({ recognizes }) => recognizes(row, source));
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
