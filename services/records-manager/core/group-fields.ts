/** What requests may be grouped by, as it was asked for. Pure. */
import { AssayError } from "../../common/errors.ts";
import { didYouMean } from "../../common/nearest.ts";
import { type FilterField, filterField } from "./filter-fields.ts";

export interface GroupField {
  /** As it was asked for. */
  readonly name: string;
  readonly field: FilterField;
}

/** Fields of filters whose values many requests share, by their shortest names. */
export const groupFields: readonly string[] = [
  "phase",
  "target",
  "model",
  "turn",
  "session",
  "session_num",
  "parent_session",
  "root_session",
  "agent_depth",
  "conversation",
  "group",
  "worker",
  "host",
  "record_processor_id",
  "error",
  "error_phase",
  "status",
  "cancelled",
  "finish_reason",
  "streaming",
  "reused",
  "token_source",
  "has_usage_mismatch",
  "is_stream_ignored",
  "correct",
  "requested_output_tokens",
  "local_address",
  "remote_address",
];

const mostGroupFields = 8;

const columns: ReadonlySet<string | undefined> = new Set(groupFields.map((name) => filterField(name)?.column));

/** Throws `invalid_argument` for one that requests are not grouped by, for one that comes twice, and for too many. */
export function readGroupFields(names: readonly string[]): GroupField[] {
  if (names.length > mostGroupFields) {
    throw new AssayError("invalid_argument", `group by: at most ${mostGroupFields} fields, got ${names.length}`);
  }
  const read = names.map((name): GroupField => {
    const field = filterField(name);
    if (field !== undefined && columns.has(field.column)) return { name, field };
    const problem =
      field === undefined ? `unknown field ${name}${didYouMean(name, groupFields)}` : `requests are hardly alike in ${name}`;
    throw new AssayError("invalid_argument", `group by: ${problem}\n    expected ${groupFields.join(", ")}`);
  });
  const twice = read.find(({ field }, index) => read.findIndex((other) => other.field.column === field.column) < index);
  if (twice !== undefined) throw new AssayError("invalid_argument", `group by: ${twice.name} is named twice`);
  return read;
}
