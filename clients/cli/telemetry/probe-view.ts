/** What `assay telemetry probe` shows of sources. */
import type { Source, SourceField } from "../../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { tableLines } from "../../../report/table.ts";
import { harmless, whole } from "../../../report/text.ts";
import type { Terminal } from "../terminal.ts";

/** A table of the sources, and below it one for each of what it has values of. */
export function probeLines(sources: readonly Source[], { width, hasColour }: Pick<Terminal, "width" | "hasColour">): string[] {
  const paint = createPaint(hasColour);
  const paints = { title: paint.bold, header: paint.bold, cell: (text: string) => text };
  const tables = [overviewOf(sources), ...sources.filter(({ fields }) => fields.length > 0).map(fieldsOf)];
  return tables.flatMap((table) => tableLines(table, Math.max(80, width), paints));
}

function overviewOf(sources: readonly Source[]) {
  return {
    title: "Sources",
    columns: [
      { header: "Source", align: "left" },
      { header: "Kind", align: "left" },
      { header: "Size", align: "right", dropRank: 0 },
      { header: "Took", align: "right" },
      { header: "Age of values", align: "left", dropRank: 2 },
      { header: "Of", align: "left", minWidth: 12, dropRank: 1 },
    ],
    rows: sources.map((source) => [
      harmless(source.url),
      source.isPresent ? source.kind : "not there",
      source.isPresent ? `${whole(source.sizeBytes)} B` : "",
      milliseconds(source.scrapeNs),
      ageText(source),
      harmless(source.isPresent ? source.subjects.join(", ") : source.reason),
    ]),
  } as const;
}

function fieldsOf({ url, fields }: Source) {
  return {
    title: harmless(url),
    columns: [
      { header: "Name", align: "left" },
      { header: "Type", align: "left", dropRank: 1 },
      { header: "Unit", align: "left" },
      { header: "Series", align: "right", dropRank: 0 },
      { header: "Common name", align: "left", dropRank: 2 },
    ],
    rows: fields.map(({ name, type, unit, series, commonName }: SourceField) => [
      harmless(name),
      type,
      harmless(unit),
      whole(series),
      commonName,
    ]),
  } as const;
}

function ageText({ isPresent, ageNs, isAgeAtLeast }: Source): string {
  if (!isPresent) return "";
  if (ageNs === undefined) return "unknown";
  return isAgeAtLeast ? `at least ${milliseconds(ageNs)}` : milliseconds(ageNs);
}

function milliseconds(ns: bigint): string {
  return `${(Number(ns) / 1e6).toFixed(1)} ms`;
}

/** For programs: the message's names in snake_case. */
export function sourceJson({ url, kind, isPresent, reason, subjects, sizeBytes, scrapeNs, ageNs, isAgeAtLeast, fields }: Source) {
  return {
    url,
    kind,
    is_present: isPresent,
    reason,
    subjects,
    size_bytes: Number(sizeBytes),
    scrape_ms: Number(scrapeNs) / 1e6,
    age_ms: ageNs === undefined ? null : Number(ageNs) / 1e6,
    is_age_at_least: isAgeAtLeast,
    fields: fields.map(({ name, unit, type, help, commonName, series }) => ({
      name,
      unit,
      type,
      help,
      common_name: commonName,
      series,
    })),
  };
}
