/** Values of CSV, which knows texts alone, as a format that is at home in JSON takes them. Pure. */
import { type JsonObject, parseJson } from "../../../../endpoints/json-body.ts";

/**
 * A row whose values are read as JSON where they are JSON.
 * @param textFields names of those that stay texts
 */
export function typedCsv(row: JsonObject, textFields: readonly string[]): JsonObject {
  const typed = Object.entries(row).map(([name, value]) => {
    if (typeof value !== "string" || textFields.includes(name)) return [name, value] as const;
    const parsed = parseJson(value);
    return [name, parsed === undefined ? value : parsed] as const;
  });
  return Object.fromEntries(typed);
}
