/** The table of what servers' metrics pages say of a phase, beside what the client saw. Pure. */
import type { ServerFigure } from "../gen/assay/records_manager/v1/served_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { figure, harmless, whole } from "./text.ts";

const columns: readonly Column[] = [
  { header: "Figure", align: "left", minWidth: 16 },
  { header: "Server", align: "right" },
  { header: "Most", align: "right", dropRank: 0 },
  { header: "Client", align: "right" },
  { header: "Client − server", align: "right", dropRank: 1 },
];

const titles: Readonly<Record<string, string>> = {
  requests_succeeded: "Requests that succeeded",
  requests_failed: "Requests that failed",
  prompt_tokens: "Prompt tokens",
  generation_tokens: "Generated tokens",
  ttft: "Time to First Token (ms)",
  itl: "Inter Token Latency (ms)",
  e2e: "Request Latency (ms)",
  queue: "Time in the queue (ms)",
  running: "Requests in work",
  waiting: "Requests waiting",
  kv_cache_usage: "KV cache in use (%)",
  prefix_cache_queries: "Tokens looked up in the prefix cache",
  prefix_cache_hits: "Tokens found there",
  preemptions: "Preemptions",
};

/** Told where they happened. */
const exceptions: ReadonlySet<string> = new Set(["requests_failed", "prefix_cache_queries", "prefix_cache_hits", "preemptions"]);

/** A row for each thing that a page says; nothing where none was scraped. */
export function serverFigureLines(
  figures: readonly ServerFigure[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  if (figures.length === 0) return [];
  const shownFigures = figures.filter(({ name, server }) => server !== 0 || !exceptions.has(name));
  const rows = shownFigures.map(({ name, unit, server, max, client }) => {
    const isCounted = max === undefined && unit !== "ms" && unit !== "ratio";
    const shown = (value: number | undefined): string => {
      if (value === undefined) return "";
      return isCounted ? whole(Math.round(value)) : figure(unit === "ratio" ? 100 * value : value);
    };
    const difference = client === undefined ? undefined : client - server;
    return [titles[name] ?? harmless(name), shown(server), shown(max), shown(client), shown(difference)];
  });
  return tableLines({ title: "By the Servers' Metrics Pages", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : paint.green(text)),
  });
}
