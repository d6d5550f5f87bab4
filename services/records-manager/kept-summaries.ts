/**
 * Summaries of runs that have ended, kept as long as the file of the run is as it was: what is asked again, as by pages that show a run, costs no
 * second reading of all that was scraped.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { RUN_FILE } from "../common/run-file.ts";
import type { RunSummary } from "./core/run-summary.ts";
import type { SummaryQuery } from "./queries.ts";
import type { QueryClient } from "./query-client.ts";

/** The oldest goes when there is one more. A summary is some ten kilobytes, and one more for each GPU and target. */
const MOST_KEPT = 8;

interface Kept {
  readonly state: string;
  readonly summary: RunSummary;
}

export class KeptSummaries {
  readonly #queries: Pick<QueryClient, "ask">;
  readonly #kept = new Map<string, Kept>();

  constructor(queries: Pick<QueryClient, "ask">) {
    this.#queries = queries;
  }

  /** As `QueryClient.ask`; the answer may be one that was given before, and nobody may change it. */
  async ask(query: SummaryQuery, signal?: AbortSignal): Promise<RunSummary> {
    // Before it is read: what changes meanwhile is not what is kept.
    const state = fileState(join(query.folder, RUN_FILE));
    const key = JSON.stringify(Object.entries(query).sort());
    const found = this.#kept.get(key);
    if (found !== undefined && found.state === state) return found.summary;
    this.#kept.delete(key);
    const summary = await this.#queries.ask("summarize", query, signal);
    if (state !== undefined && summary.endedWallNs !== undefined) this.#keep(key, { state, summary });
    return summary;
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > MOST_KEPT) this.#kept.delete(oldest);
  }
}

/** Undefined: somebody writes it, so that the file itself has not all; or it is not there. */
function fileState(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || existsSync(`${path}-wal`)) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
