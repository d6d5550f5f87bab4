/** The files that are made from a run's database, by the names of `services/common/export-files.ts`. */
import type { ExportName } from "../../common/export-files.ts";
import { aiperfCsv } from "./aiperf-csv.ts";
import { aiperfRecords } from "./aiperf-records.ts";
import { aiperfSummary } from "./aiperf-summary.ts";
import { consoleReport } from "./console.ts";
import type { Exporter } from "./exporter.ts";

/** The bodies of requests are not in the database: `inputs-file.ts` writes them while the dataset is there. */
export type ExporterName = Exclude<ExportName, "inputs">;

export const exporters: Readonly<Record<ExporterName, Exporter>> = {
  "aiperf-json": aiperfSummary,
  "aiperf-csv": aiperfCsv,
  console: consoleReport,
  "aiperf-jsonl": aiperfRecords,
};

/** In the order in which they are written: the summary first, which is the one that a full disk should leave. */
export const exporterNames = Object.keys(exporters) as readonly ExporterName[];

/** What a run of this export level writes at its end. */
export function exportersOf(exportLevel: string): ExporterName[] {
  return exporterNames.filter((name) => exportLevel !== "summary" || name !== "aiperf-jsonl");
}
