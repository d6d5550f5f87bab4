/** Every question about a run's file, by name. Each opens the file, answers and closes it, and blocks its thread meanwhile. */

import type { RunSummary } from "./core/run-summary.ts";
import { type ExportedFile, type ExportRequest, exportRun, type OfferedFile, offeredFiles } from "./exports/export-run.ts";
import { type DefinitionSummary, type DefinitionsQuery, queryDefinitions } from "./query-definitions.ts";
import { type GroupsAnswer, type GroupsQuery, queryGroups } from "./query-groups.ts";
import {
  type OrderQuery,
  queryOrder,
  queryRecords,
  queryRecordsOf,
  type RecordsOfQuery,
  type RecordsPage,
  type RecordsQuery,
} from "./query-records.ts";
import { queryTimeline, type TimelineAnswer, type TimelineQuery } from "./query-timeline.ts";
import { gatherRun, recoverRun } from "./recover.ts";
import type { ShardMerge } from "./store/merge-shards.ts";
import { RunReader } from "./store/run-reader.ts";
import type { PhaseRow } from "./store/run-rows.ts";
import { type SummaryOptions, summarizeRun } from "./summary.ts";

export interface SummaryQuery extends SummaryOptions {
  readonly folder: string;
}

export interface ConversationsQuery {
  readonly folder: string;
  readonly limit: number;
}

export interface RecoverQuery {
  readonly folder: string;
  /** Why it is over. */
  readonly reason: string;
}

/** What is asked and answered. Plain data, so that it can cross to another thread. */
export interface Queries {
  readonly summarize: (query: SummaryQuery) => RunSummary;
  readonly groups: (query: GroupsQuery) => GroupsAnswer;
  readonly records: (query: RecordsQuery) => RecordsPage;
  readonly order: (query: OrderQuery) => Float64Array;
  readonly recordsOf: (query: RecordsOfQuery) => RecordsPage["rows"];
  readonly timeline: (query: TimelineQuery) => TimelineAnswer;
  readonly export: (request: ExportRequest) => ExportedFile[];
  /** Closes the accounts of a run that nobody writes any more, and writes its files; false: it had ended by itself, and nothing was done. */
  readonly recover: (query: RecoverQuery) => boolean;
  readonly exportFiles: (query: { readonly folder: string }) => OfferedFile[];
  readonly definitions: (query: DefinitionsQuery) => DefinitionSummary[];
  /** Conversations that the run drew, ascending, at most `limit`. */
  readonly conversations: (query: ConversationsQuery) => number[];
  /** What one file alone has of a closed phase; undefined: it is not closed there. */
  readonly closing: (query: ClosingQuery) => PhaseRow | undefined;
  /** Makes one file of the files of all shards of a run; what is open then is closed by its rows. */
  readonly gather: (query: { readonly folder: string }) => ShardMerge;
}

export interface ClosingQuery {
  readonly folder: string;
  readonly phase: number;
}

export type QueryName = keyof Queries;

export const queries: Queries = {
  summarize: (query) => summarizeRun(query.folder, query),
  groups: queryGroups,
  records: queryRecords,
  order: queryOrder,
  recordsOf: queryRecordsOf,
  timeline: queryTimeline,
  export: exportRun,
  recover: recoverAndExport,
  exportFiles: offeredFiles,
  definitions: queryDefinitions,
  conversations: queryConversations,
  closing: queryClosing,
  gather: ({ folder }) => gatherRun(folder),
};

function queryClosing({ folder, phase: wanted }: ClosingQuery): PhaseRow | undefined {
  const reader = RunReader.open(folder, true);
  try {
    return reader.phases().find(({ phase, isClosed }) => isClosed && phase === wanted);
  } finally {
    reader.close();
  }
}

function queryConversations({ folder, limit }: ConversationsQuery): number[] {
  const reader = RunReader.open(folder);
  try {
    return reader.conversations(limit);
  } finally {
    reader.close();
  }
}

function recoverAndExport({ folder, reason }: RecoverQuery): boolean {
  const { isRecovered } = recoverRun(folder, reason);
  if (isRecovered) exportRun({ folder });
  return isRecovered;
}
