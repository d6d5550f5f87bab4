/** Rows of `requests` as messages. */
import type { RequestError, RequestErrorCode, RequestErrorPhase } from "../../endpoints/outcome.ts";
import { recordMetrics } from "../../metrics/catalog.ts";
import { AssayError } from "../common/errors.ts";
import type { CheckOutcome, MetricRecord, TokenSource } from "../common/metric-record.ts";
import { wireRecordOf } from "../common/metric-record-codec.ts";
import { HOST_FIELD } from "./core/filter-fields.ts";
import type { RecordRow } from "./query-records.ts";

/** Columns of `requests`, and what stands for one, by the fields of MetricRecord that they fill. `values` stands for all metrics. */
const columnsOfFields: Readonly<Record<string, readonly string[]>> = {
  credit_id: ["credit_id"],
  phase: ["phase"],
  conversation: ["conversation"],
  turn: ["turn"],
  session: ["session_id"],
  index: ["session_num"],
  parent_session: ["parent_session"],
  root_session: ["root_session"],
  agent_depth: ["agent_depth"],
  target: ["target"],
  due_ns: ["due_ns"],
  issued_ns: ["issued_ns"],
  received_ns: ["received_ns"],
  sent_ns: ["sent_ns"],
  first_byte_ns: ["first_byte_ns"],
  end_ns: ["end_ns"],
  connect_ns: ["connect_ns"],
  blocked_ns: ["blocked_ns"],
  dns_ns: ["dns_ns"],
  tcp_ns: ["tcp_ns"],
  tls_ns: ["tls_ns"],
  written_ns: ["written_ns"],
  local_address: ["local_address"],
  remote_address: ["remote_address"],
  row_group: ["row_group"],
  status: ["status"],
  error: ["error_code", "error_phase", "error_message"],
  is_cancelled: ["is_cancelled"],
  cancelled_ns: ["cancelled_ns"],
  is_streaming: ["is_streaming"],
  is_connection_reused: ["is_connection_reused"],
  request_bytes: ["request_bytes"],
  response_bytes: ["response_bytes"],
  model: ["model"],
  request_id: ["request_id"],
  correlation_id: ["correlation_id"],
  worker_id: ["worker_id"],
  host: [HOST_FIELD],
  wall_offset_ns: ["wall_offset_ns"],
  values: recordMetrics.map(({ tag }) => tag),
  content_stamps: ["content_stamps"],
  coalesced_chunks: ["coalesced_chunks"],
  finish_reason: ["finish_reason"],
  token_source: ["token_source"],
  record_processor_id: ["record_processor_id"],
  has_usage_mismatch: ["has_usage_mismatch"],
  is_stream_ignored: ["is_stream_ignored"],
  requested_output_tokens: ["requested_output_tokens"],
  check: ["is_correct", "check_reason", "answer"],
};

/** The columns that fill fields of MetricRecord; no field: all. Throws `invalid_argument` for one that is not stored. */
export function columnsOf(paths: readonly string[] | undefined): string[] {
  // A record without its key is of no use.
  const wanted = paths === undefined || paths.length === 0 ? Object.keys(columnsOfFields) : new Set(["credit_id", ...paths]);
  return [...wanted].flatMap((path) => {
    const columns = columnsOfFields[path];
    if (columns === undefined)
      throw new AssayError("invalid_argument", `fields: MetricRecord has no field ${path} that is stored`);
    return columns;
  });
}

/** How rows of these columns become messages, and the tags of their values. */
export function recordMessages(columns: readonly string[]) {
  const hasValues = columns.some((column) => recordMetrics.some(({ tag }) => tag === column));
  // A row has its credit id before its columns.
  const places = new Map(columns.map((column, index) => [column, index + 1]));
  return {
    tags: hasValues ? recordMetrics.map(({ tag }) => tag) : [],
    messageOf: (row: RecordRow) => {
      const cellOf = (column: string) => row[places.get(column) ?? -1];
      const host = textOf(cellOf(HOST_FIELD));
      return { ...wireRecordOf(recordOf(cellOf, hasValues), textOf(cellOf("record_processor_id"))), host };
    },
  };
}

/** About as much as a message of a stream has: a few of them wait in memory for a reader that does not read. */
const messageBytes = 128 * 1024;

/** Rows in parts that make a message each, at least one row in each. */
export function* partsOfRows(rows: readonly RecordRow[]): Generator<readonly RecordRow[]> {
  let begin = 0;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    const own = sizeOf(row);
    if (index > begin && bytes + own > messageBytes) {
      yield rows.slice(begin, index);
      begin = index;
      bytes = 0;
    }
    bytes += own;
  }
  if (begin < rows.length) yield rows.slice(begin);
}

function sizeOf(row: RecordRow): number {
  let bytes = 0;
  for (const value of row) bytes += typeof value === "number" || value === null ? 8 : value.length;
  return bytes;
}

/** The record of a row. Columns without a value leave their fields unset. */
function recordOf(cellOf: (column: string) => unknown, hasValues: boolean): MetricRecord {
  const maybe = (column: string): number | undefined => {
    const value = cellOf(column);
    return typeof value === "number" ? value : undefined;
  };
  const number = (column: string): number => maybe(column) ?? 0;
  const text = (column: string): string => textOf(cellOf(column));
  const isSet = (column: string): boolean => number(column) === 1;
  const stamps = cellOf("content_stamps");
  return {
    creditId: number("credit_id"),
    phase: number("phase"),
    conversation: number("conversation"),
    turn: number("turn"),
    sessionId: number("session_id"),
    sessionNum: number("session_num"),
    parentSession: maybe("parent_session"),
    rootSession: maybe("root_session"),
    agentDepth: number("agent_depth"),
    targetIndex: number("target"),
    dueNs: number("due_ns"),
    issuedNs: number("issued_ns"),
    receivedNs: number("received_ns"),
    sentNs: number("sent_ns"),
    firstByteNs: maybe("first_byte_ns"),
    endNs: number("end_ns"),
    connectNs: maybe("connect_ns"),
    blockedNs: maybe("blocked_ns"),
    dnsNs: maybe("dns_ns"),
    tcpNs: maybe("tcp_ns"),
    tlsNs: maybe("tls_ns"),
    writtenNs: maybe("written_ns"),
    localAddress: text("local_address"),
    remoteAddress: text("remote_address"),
    rowGroup: text("row_group"),
    status: number("status"),
    error: errorOf(text("error_code"), text("error_phase"), text("error_message")),
    isCancelled: isSet("is_cancelled"),
    cancelledNs: maybe("cancelled_ns"),
    isStreaming: isSet("is_streaming"),
    isConnectionReused: isSet("is_connection_reused"),
    requestBytes: number("request_bytes"),
    responseBytes: number("response_bytes"),
    requestedOutputTokens: maybe("requested_output_tokens"),
    model: text("model"),
    requestId: text("request_id"),
    correlationId: text("correlation_id"),
    workerId: text("worker_id"),
    wallOffsetNs: number("wall_offset_ns"),
    values: hasValues ? recordMetrics.map(({ tag }) => maybe(tag) ?? Number.NaN) : [],
    contentStamps: stamps instanceof Uint8Array ? stamps : new Uint8Array(0),
    coalescedChunks: number("coalesced_chunks"),
    finishReason: text("finish_reason"),
    tokenSource: text("token_source") as TokenSource,
    hasUsageMismatch: isSet("has_usage_mismatch"),
    isStreamIgnored: isSet("is_stream_ignored"),
    check: checkOf(maybe("is_correct"), text("check_reason"), text("answer")),
  };
}

function textOf(cell: unknown): string {
  return typeof cell === "string" ? cell : "";
}

/** Words of a newer or an older version are shown as they were written. */
function errorOf(code: string, phase: string, message: string): RequestError | undefined {
  return code === "" ? undefined : { code: code as RequestErrorCode, phase: phase as RequestErrorPhase, message };
}

function checkOf(isCorrect: number | undefined, reason: string, answer: string): CheckOutcome | undefined {
  if (isCorrect === undefined && reason === "") return undefined;
  return { isCorrect: isCorrect === undefined ? undefined : isCorrect === 1, reason, answer };
}
