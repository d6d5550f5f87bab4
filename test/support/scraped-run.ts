/** What a run has of what was scraped: rows of its file, and its exports as scripts read them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface ScrapedRow {
  readonly startNs: number;
  readonly endNs: number;
  /** Why there are no values. */
  readonly gap: string | null;
  readonly values: readonly (number | null)[];
  /** The page's own time, less the run's wall time of the scrape; null: it says none. */
  readonly aheadNs: number | null;
}

/** Scrapes of the GPUs of one page, in order of time. */
export function scrapesIn(folder: string, url: string): ScrapedRow[] {
  const db = new DatabaseSync(join(folder, "run.db"), { readOnly: true });
  const sql = `SELECT start_ns AS startNs, end_ns AS endNs, gap, readings, source_wall_ns - end_ns - suite_wall_offset_ns AS aheadNs
    FROM samples JOIN sources USING (source) CROSS JOIN run WHERE kind = 'dcgm' AND sources.name = ? ORDER BY end_ns`;
  const rows = db.prepare(sql).all(url) as unknown as (Omit<ScrapedRow, "values"> & { readonly readings: string | null })[];
  db.close();
  return rows.map(({ readings, ...row }) => ({ ...row, values: JSON.parse(readings ?? "[]") }));
}

export interface ExportedGpus {
  /** By UUID. */
  readonly gpus: Readonly<Record<string, Readonly<Record<string, { readonly avg: number; readonly std?: number } | undefined>>>>;
  readonly errors: readonly { readonly message: string; readonly count: number }[];
  /** Lines of `gpu_telemetry_export.jsonl`, by UUID. */
  readonly lines: Readonly<Record<string, number>>;
  /** What is to be known of their energy. */
  readonly notes: readonly string[];
}

export function exportedGpus(folder: string): ExportedGpus {
  const profile = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
  const { endpoints, error_summary: errors } = profile.telemetry_data;
  const gpus = Object.values(endpoints as Record<string, { gpus: object }>).flatMap((endpoint) => Object.values(endpoint.gpus));
  const lines = readFileSync(join(folder, "gpu_telemetry_export.jsonl"), "utf8").trim().split("\n");
  const uuids = lines.map((line) => JSON.parse(line).gpu_uuid as string);
  return {
    gpus: Object.fromEntries(gpus.map(({ gpu_uuid: uuid, metrics }) => [uuid, metrics])),
    errors: errors.map(({ error_details: { message }, count }: { error_details: { message: string }; count: number }) => {
      return { message, count };
    }),
    lines: Object.fromEntries([...Map.groupBy(uuids, (uuid) => uuid)].map(([uuid, own]) => [uuid, own.length])),
    notes: [...new Set(JSON.stringify(profile).match(/[^"]*energy counter[^"]*/g))],
  };
}

/** Statistics of a server's metric, as `server_metrics_export.json` has them. */
export function exportedServer(folder: string, metric: string): Readonly<Record<string, number>> {
  const { metrics } = JSON.parse(readFileSync(join(folder, "server_metrics_export.json"), "utf8"));
  return metrics[metric].series[0].stats;
}
