/** Finishes a run whose processes were all killed, from its file alone. */
import { recordMetrics } from "../../metrics/catalog.ts";
import { ACCOUNTS_OPTIONS, Accounts } from "./core/accounts.ts";
import type { RunSummary } from "./core/run-summary.ts";
import { mergeShards, type ShardMerge } from "./store/merge-shards.ts";
import { RunReader } from "./store/run-reader.ts";
import { requestSpan } from "./store/run-spans.ts";
import { RunStore } from "./store/run-store.ts";
import { summarize } from "./summary.ts";

export interface Recovery {
  /** False: the run had ended by itself, and nothing was changed. */
  readonly isRecovered: boolean;
  readonly summary: RunSummary;
}

const ENDED_STATES: readonly string[] = ["COMPLETED", "FAILED", "CANCELLED"];

/**
 * Opens the run in `folder`, closes its open phases by its rows (accounts marked incomplete), marks it FAILED with `reason`
 * and a verdict, and leaves `run.db` whole. Nothing may have the file open for writing. A run that has ended already is only
 * summarised. Exports are made afterwards, by `exportRun`. Throws as `RunStore.open`.
 */
export function recoverRun(folder: string, reason: string): Recovery {
  gatherRows(folder);
  const store = RunStore.open(folder, { metricTags: recordMetrics.map((metric) => metric.tag) });
  try {
    const reader = RunReader.open(folder);
    try {
      const hasEnded = ENDED_STATES.includes(reader.run().state);
      if (!hasEnded) closeFromRows(store, reader, reason);
      return { isRecovered: !hasEnded, summary: summarize(reader) };
    } finally {
      reader.close();
    }
  } finally {
    store.close();
  }
}

/**
 * Makes one file of those that the records-managers of a run wrote, none of which may be written meanwhile. A phase that one of them had not closed
 * is closed by the rows of all. Of a run of one records-manager there is nothing to do.
 */
export function gatherRun(folder: string): ShardMerge {
  const merge = mergeShards(folder);
  const reader = RunReader.open(folder, true);
  const isAllClosed = reader.phases().every(({ isClosed }) => isClosed);
  reader.close();
  if (isAllClosed) return merge;
  const store = RunStore.open(folder, { metricTags: recordMetrics.map((metric) => metric.tag) });
  try {
    closeOpenPhases(store, () => {});
    store.commit();
  } finally {
    store.close();
  }
  return merge;
}

/** Of a run that has ended everything is in its file already. */
function gatherRows(folder: string): void {
  const reader = RunReader.open(folder, true);
  const hasEnded = ENDED_STATES.includes(reader.run().state);
  reader.close();
  if (!hasEnded) mergeShards(folder);
}

function closeOpenPhases(store: RunStore, onClosed: (phase: number) => void): void {
  // Nobody is left to publish to; what is closed here is read from the file.
  const accounts = new Accounts(ACCOUNTS_OPTIONS, store, { publish: () => {}, commitSoon: () => {} });
  for (const heartbeat of store.openHeartbeats()) {
    accounts.closeFromRows(heartbeat);
    onClosed(heartbeat.phase);
  }
}

function closeFromRows(store: RunStore, reader: RunReader, reason: string): void {
  closeOpenPhases(store, (phase) => {
    const endedNs = requestSpan(reader, phase)?.lastNs;
    if (endedNs !== undefined) store.endPhase(phase, endedNs);
  });
  store.commit();
  const { client, phases, createdWallNs } = summarize(reader);
  store.endRun({
    state: "FAILED",
    reason,
    wasCancelled: false,
    verdict: client.verdict,
    verdictReasons: client.reasons.map(({ message }) => message),
    endedWallNs: phases.reduce((latest, phase) => Math.max(latest, phase.endWallNs ?? 0), createdWallNs),
  });
  store.commit();
}
