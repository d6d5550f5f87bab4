/** A metrics page as a whole, by the reader that telemetry has. */
import { type FamilyType, PageReader, type PageReaderOptions } from "../../services/telemetry/core/exposition/page-reader.ts";

export type { FamilyType } from "../../services/telemetry/core/exposition/page-reader.ts";

export interface PageSample {
  /** As printed, suffixes such as `_bucket` and `_total` included. */
  readonly name: string;
  /** In the order printed. */
  readonly labels: ReadonlyMap<string, string>;
  /** May be NaN or infinite. */
  readonly value: number;
  /** Time of the value in ms since the Unix epoch, where the page gives one. */
  readonly timestampMs: number | undefined;
}

export interface MetricsPage {
  /** In the order printed. */
  readonly samples: readonly PageSample[];
  /** By the name that `# TYPE` names; a family without one is untyped. */
  readonly types: ReadonlyMap<string, FamilyType>;
  /** By the name that `# HELP` names, escapes resolved. */
  readonly helps: ReadonlyMap<string, string>;
}

/**
 * Reads a whole page. Throws `invalid_argument`, with reason `METRICS_PAGE_SYNTAX` and line and column (counted from 1, in UTF-16 code
 * units) in message and metadata, at the first thing that is no metrics page: also a last line without its line feed, since a page cut
 * short there may have lost digits.
 */
export function parseMetricsPage(text: string, options: PageReaderOptions = {}): MetricsPage {
  const reader = new PageReader<never>();
  const { lines, values, timestampsMs } = reader.read(text, options);
  const samples = lines.map(({ name, labels }, index): PageSample => {
    const time = timestampsMs?.[index] ?? Number.NaN;
    const timestampMs = Number.isNaN(time) ? undefined : time;
    return { name, labels: mapOf(labels), value: values[index] ?? Number.NaN, timestampMs };
  });
  const types = new Map<string, FamilyType>();
  const helps = new Map<string, string>();
  for (const [family, { type, help }] of reader.families) {
    if (type !== undefined) types.set(family, type);
    if (help !== undefined) helps.set(family, help);
  }
  return { samples, types, helps };
}

function mapOf(labels: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at < labels.length; at += 2) map.set(labels[at] ?? "", labels[at + 1] ?? "");
  return map;
}
