/** Comma-separated values (RFC 4180, lines end with LF), none of them a formula. Pure. */
import { csvCell } from "../../../report/text.ts";

export function csvLine(values: readonly string[]): string {
  return values
    .map(csvCell)
    .map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value))
    .join(",");
}
