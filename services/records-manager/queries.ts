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
import { recoverRun } from "./recover.ts";
import { RunReader } from "./store/run-reader.ts";
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
};

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
