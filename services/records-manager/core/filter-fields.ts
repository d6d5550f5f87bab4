/** What a filter, an order or a grouping of records may name: the columns of `requests`, metrics by tag, and short names. Pure. */
import { recordMetrics } from "../../../metrics/catalog.ts";
import { shortNames, tagNamed, type WrittenUnit } from "../../common/metric-names.ts";
import { didYouMean } from "../../common/nearest.ts";

/**
 * How a field is compared.
 * - `number`: with a number, in `unit` where it has one.
 * - `text`: with a text; a request without one has the empty text.
 * - `flag`: with `true` or `false`.
 * - `named`: an index, compared with a number, or with the text that names it in the run.
 */
export type FilterKind =
  | { readonly is: "number"; readonly unit: WrittenUnit | undefined }
  | { readonly is: "text" }
  | { readonly is: "flag" }
  | { readonly is: "named"; readonly by: NameSource };

/** Where the names of indices are: tables `phases` and `conversations`, or the targets of the spec. */
export type NameSource = "phases" | "conversations" | "targets";

export interface FilterField {
  /** Column of `requests`; tags of metrics are columns. */
  readonly column: string;
  readonly kind: FilterKind;
  readonly isMetric: boolean;
}

const count: FilterKind = { is: "number", unit: undefined };
const ns: FilterKind = { is: "number", unit: "ns" };
const bytes: FilterKind = { is: "number", unit: "bytes" };
const tokens: FilterKind = { is: "number", unit: "tokens" };
const text: FilterKind = { is: "text" };
const flag: FilterKind = { is: "flag" };

/** Columns that every run has and that a filter may name: all but the stamps. */
export const filterColumns: Readonly<Record<string, FilterKind>> = {
  credit_id: count,
  phase: { is: "named", by: "phases" },
  conversation: { is: "named", by: "conversations" },
  turn: count,
  session_id: count,
  session_num: count,
  parent_session: count,
  root_session: count,
  agent_depth: count,
  request_id: text,
  correlation_id: text,
  worker_id: text,
  record_processor_id: text,
  target: { is: "named", by: "targets" },
  model: text,
  due_ns: ns,
  issued_ns: ns,
  received_ns: ns,
  sent_ns: ns,
  wall_offset_ns: ns,
  first_byte_ns: ns,
  first_content_ns: ns,
  last_content_ns: ns,
  end_ns: ns,
  status: count,
  error_code: text,
  error_phase: text,
  error_message: text,
  is_cancelled: flag,
  cancelled_ns: ns,
  connect_ns: ns,
  is_connection_reused: flag,
  is_streaming: flag,
  request_bytes: bytes,
  response_bytes: bytes,
  coalesced_chunks: count,
  finish_reason: text,
  token_source: text,
  has_usage_mismatch: flag,
  is_stream_ignored: flag,
  requested_output_tokens: tokens,
  blocked_ns: ns,
  dns_ns: ns,
  tcp_ns: ns,
  tls_ns: ns,
  written_ns: ns,
  local_address: text,
  remote_address: text,
  row_group: text,
  is_correct: flag,
  is_unchecked: flag,
  check_reason: text,
  answer: text,
};

/** What no column of `requests` is, and every request has all the same: by the table `members`. */
export const HOST_FIELD = "host";

/** Names for columns that people ask for most, beside the columns' own. */
export const shortColumns: Readonly<Record<string, string>> = {
  credit: "credit_id",
  session: "session_id",
  worker: "worker_id",
  error: "error_code",
  cancelled: "is_cancelled",
  streaming: "is_streaming",
  reused: "is_connection_reused",
  group: "row_group",
  correct: "is_correct",
};

const fields: ReadonlyMap<string, FilterField> = allFields();

/** What a name stands for; undefined: nothing. */
export function filterField(name: string): FilterField | undefined {
  return fields.get(name);
}

/** `, did you mean ttft?`, or nothing where no field has a name near this one. */
export function meantField(name: string): string {
  return didYouMean(name, fields.keys());
}

function allFields(): Map<string, FilterField> {
  const found = new Map<string, FilterField>();
  for (const [column, kind] of Object.entries(filterColumns)) found.set(column, { column, kind, isMetric: false });
  found.set(HOST_FIELD, { column: HOST_FIELD, kind: text, isMetric: false });
  for (const { tag, unit } of recordMetrics) found.set(tag, { column: tag, kind: { is: "number", unit }, isMetric: true });
  const also = (name: string, column: string): void => {
    const field = found.get(column);
    if (field !== undefined) found.set(name, field);
  };
  for (const [name, column] of Object.entries(shortColumns)) also(name, column);
  for (const name of Object.keys(shortNames)) also(name, tagNamed(name));
  return found;
}
