/**
 * `profile_export.parquet`: a row for each request, warm-up included: the metadata and metrics of a line of `profile_export.jsonl` as
 * columns, and what else `run.db` has of a request. Every run has the same columns, so that files of several can be read as one. Moments are
 * wall time in ns, durations are in ns where their name says so, metrics in their units, which the footer names.
 */
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import { goodRequestCount } from "../../../metrics/good-request-count.ts";
import type { ListMetric, RecordMetric } from "../../../metrics/metric.ts";
import { decodeStamps } from "../../common/chunk-stamps.ts";
import { sessionUuid } from "../../common/session-uuid.ts";
import { HOST_FIELD } from "../core/filter-fields.ts";
import { isGood, type RequestObjective, requestObjectives } from "../core/objectives.ts";
import type { PhaseRow } from "../store/run-rows.ts";
import { COUNTED_UNITS } from "./aiperf-records.ts";
import type { Write } from "./atomic-file.ts";
import type { Exporter } from "./exporter.ts";
import { type ParquetColumn, ParquetFile, type ParquetType, type ParquetValue } from "./parquet-file.ts";
import { hasFailed, type RequestRow, ROW_COLUMNS, rowOf, wallNs } from "./request-row.ts";
import { sessionId } from "./session-id.ts";

export const parquetRecords: Exporter = (context, write) => {
  const { reader, spec } = context;
  const { runId, versions, spec: stored } = reader.run();
  const objectives = requestObjectives(stored);
  const groups = new GroupWriter(write, { run_id: runId, versions: JSON.stringify(versions), units: JSON.stringify(unitsOf()) });
  const source: Source = {
    runId,
    phases: new Map(reader.phases().map((phase) => [phase.phase, phase])),
    names: reader.conversationNames(),
    urls: spec.target?.urls.map(({ url }) => url) ?? [],
    objectives,
  };
  const columns = [...READ_COLUMNS, ...objectives.map(({ tag }) => tag)];
  for (const page of reader.pages(columns, { pageRows: PAGE_ROWS })) {
    for (const values of page) groups.add(requestOf(values, source));
  }
  groups.finish();
};

/** A page with the stamps of long answers still fits in a few MB. */
const PAGE_ROWS = 500;
/** A group is full at either of them: each is some tens of MB while it is written. */
const GROUP_ROWS = 20_000;
const GROUP_LIST_VALUES = 500_000;

/** What all rows share. */
interface Source {
  readonly runId: string;
  readonly phases: ReadonlyMap<number, PhaseRow>;
  readonly names: ReadonlyMap<number, string>;
  readonly urls: readonly string[];
  readonly objectives: readonly RequestObjective[];
}

/** A row as the columns see it. */
interface Request extends Source {
  readonly row: RequestRow;
  readonly phase: PhaseRow | undefined;
  /** A column of `READ_COLUMNS` as SQLite has it. */
  readonly read: (column: string) => unknown;
  readonly isMet: boolean | undefined;
}

interface RequestColumn extends ParquetColumn {
  readonly value: (request: Request) => ParquetValue;
}

/** Columns of `run.db` that go over as they are. */
const passedColumns: readonly (readonly [column: string, type: Exclude<ParquetType, "DOUBLES">, isNullable?: "null"])[] = [
  ["model", "STRING"],
  ["status", "INT32"],
  ["is_streaming", "BOOLEAN"],
  ["is_stream_ignored", "BOOLEAN"],
  ["is_connection_reused", "BOOLEAN"],
  ["request_bytes", "INT64"],
  ["response_bytes", "INT64"],
  ["requested_output_tokens", "INT64", "null"],
  ["finish_reason", "STRING", "null"],
  ["token_source", "STRING"],
  ["has_usage_mismatch", "BOOLEAN"],
  ["coalesced_chunks", "INT64"],
  ["blocked_ns", "INT64", "null"],
  ["connect_ns", "INT64", "null"],
  ["dns_ns", "INT64", "null"],
  ["tcp_ns", "INT64", "null"],
  ["tls_ns", "INT64", "null"],
  ["local_address", "STRING", "null"],
  ["remote_address", "STRING", "null"],
  ["row_group", "STRING", "null"],
  [HOST_FIELD, "STRING", "null"],
];

const OTHER_COLUMNS = ["due_ns", "received_ns", "written_ns", "first_content_ns", "last_content_ns", "target"] as const;
const METRICS = recordMetrics.filter(isExported);
const LISTS = listMetrics.filter(isExported);
const READ_COLUMNS = [
  ...ROW_COLUMNS,
  ...OTHER_COLUMNS,
  ...passedColumns.map(([column]) => column),
  ...METRICS.map(({ tag }) => tag),
];
/** The credit id stands before them. */
const placeOf = new Map(READ_COLUMNS.map((column, index) => [column as string, index + 1]));

function isExported({ flags = [] }: RecordMetric | ListMetric): boolean {
  return !flags.includes("internal");
}

const passed: Readonly<Record<Exclude<ParquetType, "DOUBLES">, (value: unknown) => ParquetValue>> = {
  BOOLEAN: (value) => value === 1,
  INT32: numberOf,
  INT64: wholeOf,
  DOUBLE: numberOf,
  STRING: (value) => (typeof value === "string" ? value : null),
};

const columns: readonly RequestColumn[] = [
  { name: "credit_id", type: "INT64", value: ({ read }) => wholeOf(read("credit_id")) },
  { name: "session_num", type: "INT64", value: ({ row }) => BigInt(row.sessionNum) },
  { name: "x_request_id", type: "STRING", value: ({ row }) => row.requestId },
  { name: "x_correlation_id", type: "STRING", value: ({ row }) => row.correlationId },
  { name: "conversation_id", type: "STRING", value: ({ row, names }) => sessionId(row.conversation, names) },
  { name: "turn_index", type: "INT32", value: ({ row }) => row.turn },
  moment("credit_due_ns", ({ row, read }) => differenceOf(read("due_ns"), row.sentNs), "null"),
  moment("credit_issued_ns", ({ row }) => row.issuedNs - row.sentNs),
  moment("credit_received_ns", ({ row, read }) => differenceOf(read("received_ns"), row.sentNs), "null"),
  moment("request_start_ns", () => 0),
  moment("request_written_ns", ({ read }) => numberOf(read("written_ns")), "null"),
  moment("request_ack_ns", ({ row }) => row.firstByteNs, "null"),
  moment("first_content_ns", ({ read }) => numberOf(read("first_content_ns")), "null"),
  moment("last_content_ns", ({ read }) => numberOf(read("last_content_ns")), "null"),
  moment("request_end_ns", ({ row }) => row.endNs),
  { name: "worker_id", type: "STRING", value: ({ row }) => row.workerId },
  { name: "record_processor_id", type: "STRING", value: ({ row }) => row.recordProcessorId },
  { name: "benchmark_phase", type: "STRING", isNullable: true, value: ({ phase }) => phase?.kind ?? null },
  { name: "phase_index", type: "INT32", value: ({ row }) => row.phase },
  { name: "phase_name", type: "STRING", isNullable: true, value: ({ phase }) => phase?.name ?? null },
  { name: "was_cancelled", type: "BOOLEAN", value: ({ row }) => row.isCancelled },
  moment("cancellation_time_ns", ({ row }) => row.cancelledNs, "null"),
  { name: "agent_depth", type: "INT32", value: ({ row }) => row.agentDepth },
  {
    name: "parent_correlation_id",
    type: "STRING",
    isNullable: true,
    value: ({ row, runId }) => (row.parentSession === null ? null : sessionUuid(runId, row.phase, row.parentSession)),
  },
  {
    name: "root_correlation_id",
    type: "STRING",
    value: ({ row, runId }) => (row.rootSession === null ? row.correlationId : sessionUuid(runId, row.phase, row.rootSession)),
  },
  { name: "target_index", type: "INT32", value: ({ read }) => Number(read("target")) },
  { name: "target", type: "STRING", isNullable: true, value: ({ read, urls }) => urls[Number(read("target"))] ?? null },
  ...passedColumns.map(([name, type, isNullable]): RequestColumn => {
    const value = passed[type];
    return { name, type, isNullable: isNullable === "null", value: ({ read }) => value(read(name)) };
  }),
  { name: "error_code", type: "STRING", isNullable: true, value: ({ row }) => row.errorCode },
  { name: "error_phase", type: "STRING", isNullable: true, value: ({ row }) => row.errorPhase },
  { name: "error_message", type: "STRING", isNullable: true, value: ({ row }) => row.errorMessage },
  { name: "is_correct", type: "BOOLEAN", isNullable: true, value: ({ row }) => row.isCorrect },
  { name: "check_reason", type: "STRING", isNullable: true, value: ({ row }) => row.checkReason },
  { name: "answer", type: "STRING", isNullable: true, value: ({ row }) => row.answer },
  ...METRICS.map(metricColumn),
  ...LISTS.map(({ tag, values }): RequestColumn => {
    const listOf = (request: Request) =>
      hasFailed(request.row) ? [] : Array.from(values(decodeStamps(request.row.contentStamps)));
    return { name: tag, type: "DOUBLES", value: listOf };
  }),
  {
    name: goodRequestCount.tag,
    type: "INT64",
    isNullable: true,
    value: ({ row, isMet }) => (isMet === undefined || hasFailed(row) ? null : BigInt(isMet)),
  },
];

/** Wall time of what happened so many ns after the request was sent. */
function moment(name: string, afterSentNs: (request: Request) => number | null, isNullable?: "null"): RequestColumn {
  return {
    name,
    type: "INT64",
    isNullable: isNullable === "null",
    value: (request) => {
      const after = afterSentNs(request);
      return after === null ? null : wallNs(request.row.sentNs + after, request.row.wallOffsetNs);
    },
  };
}

/** As in `profile_export.jsonl`: of a failed request only what is of failures. */
function metricColumn({ tag, unit, isOfFailures = false }: RecordMetric): RequestColumn {
  const isCount = COUNTED_UNITS.has(unit);
  return {
    name: tag,
    type: isCount ? "INT64" : "DOUBLE",
    isNullable: true,
    value: ({ row, read }) => {
      const value = numberOf(read(tag));
      if (value === null || (hasFailed(row) && !isOfFailures)) return null;
      return isCount ? BigInt(Math.round(value)) : value;
    },
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function wholeOf(value: unknown): bigint | null {
  return typeof value === "number" ? BigInt(value) : null;
}

function differenceOf(value: unknown, fromNs: number): number | null {
  return typeof value === "number" ? value - fromNs : null;
}

function requestOf(values: readonly unknown[], source: Source): Request {
  const row = rowOf(values);
  const { objectives } = source;
  const objectivesAt = READ_COLUMNS.length + 1;
  const meetsAll = (): boolean => row.isCorrect !== false && isGood(objectives, (index) => values[objectivesAt + index]);
  return {
    ...source,
    row,
    phase: source.phases.get(row.phase),
    read: (column) => values[placeOf.get(column) ?? 0],
    isMet: objectives.length === 0 ? undefined : meetsAll(),
  };
}

function unitsOf(): Record<string, string> {
  return Object.fromEntries([...METRICS, ...LISTS, goodRequestCount].map(({ tag, unit }) => [tag, unit]));
}

/** Gathers rows until a group is full. */
class GroupWriter {
  readonly #file: ParquetFile;
  #group: ParquetValue[][] = columns.map(() => []);
  #rows = 0;
  #listValues = 0;

  constructor(write: Write, metadata: Readonly<Record<string, string>>) {
    this.#file = new ParquetFile(write, columns, metadata);
  }

  add(request: Request): void {
    for (const [index, { value }] of columns.entries()) {
      const found = value(request);
      this.#group[index]?.push(found);
      if (Array.isArray(found)) this.#listValues += found.length;
    }
    if (++this.#rows >= GROUP_ROWS || this.#listValues >= GROUP_LIST_VALUES) this.#close();
  }

  finish(): void {
    if (this.#rows > 0) this.#close();
    this.#file.finish();
  }

  #close(): void {
    this.#file.addGroup(this.#group);
    this.#group = columns.map(() => []);
    this.#rows = 0;
    this.#listValues = 0;
  }
}
