import { createPageSource, type PageSourceOptions } from "../../../../../services/telemetry/core/sources/page.ts";
import type { SeriesFacts, SourceReader, SourceReading } from "../../../../../services/telemetry/core/sources/series.ts";

export const pageOf = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** Values by subject and name; labels that tell several of one name apart follow. */
export function namedValues(reader: SourceReader, { ids, values }: SourceReading): Record<string, number> {
  return Object.fromEntries(Array.from(ids, (id, at) => [keyOf(reader.series[id] as SeriesFacts), values[at] ?? Number.NaN]));
}

function keyOf({ kind, subject, name, labels }: SeriesFacts): string {
  if (kind !== "server") return subject === "" ? name : `${subject} ${name}`;
  const printed = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return printed.length === 0 ? name : `${name}{${printed.join(",")}}`;
}

/** What a fresh reader makes of a page. */
export function readOnce(text: string, options: PageSourceOptions = {}) {
  const reader = createPageSource(options);
  const reading = reader.read(text);
  return { reader, reading, values: namedValues(reader, reading) };
}
