/** Comma-separated values (RFC 4180, lines end with LF). Pure. */

export function csvLine(values: readonly string[]): string {
  return values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",");
}
