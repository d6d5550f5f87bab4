/** A record for programs. Pure. */
import { ScalarType, toJson } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../endpoints/json-body.ts";
import { type MetricRecord, MetricRecordSchema } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { recordMetrics } from "../../../metrics/catalog.ts";
import { tagNamed } from "../../../services/common/metric-names.ts";

/** Value of a metric; undefined where it does not apply. `tags`: of the page that the record came in. */
export function metricOf({ values }: MetricRecord, tags: readonly string[], tag: string): number | undefined {
  const value = values[tags.indexOf(tag)] ?? Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

/** What of a record is asked for. */
export interface WantedFields {
  /** Fields of MetricRecord; empty: all. */
  readonly fields: readonly string[];
  /** Tags of metrics, those alone; empty: all, where `fields` has the values. */
  readonly tags: readonly string[];
  /** In the order of the names that were given; empty: all. */
  readonly columns: readonly string[];
}

/** Names of fields that filters take beside these. */
const fieldsNamed: ReadonlyMap<string, string> = new Map([
  ["credit", "credit_id"],
  ["session_id", "session"],
  ["session_num", "index"],
  ["error_code", "error"],
  ["worker", "worker_id"],
  ["cancelled", "is_cancelled"],
  ["streaming", "is_streaming"],
  ["reused", "is_connection_reused"],
  ["group", "row_group"],
  ["correct", "is_correct"],
]);

/** What names mean: metrics by tag or short name, fields also as filters name them; all others are left to the suite to know. */
export function wantedFields(names: readonly string[]): WantedFields {
  const isMetric = (column: string): boolean => recordMetrics.some(({ tag }) => tag === column);
  const columns = names.map((name) => (isMetric(tagNamed(name)) ? tagNamed(name) : (fieldsNamed.get(name) ?? name)));
  const tags = columns.filter(isMetric);
  const own = new Set(columns.flatMap((column) => (isMetric(column) ? [] : [checkColumns.has(column) ? "check" : column])));
  return { fields: [...own, ...(tags.length > 0 ? ["values"] : [])], tags, columns };
}

/** As filters name them, what the field `check` has under names of its own. */
const checkColumns: ReadonlyMap<string, string> = new Map([
  ["is_correct", "is_correct"],
  ["check_reason", "reason"],
  ["answer", "answer"],
]);

export type RecordJson = Readonly<Record<string, unknown>>;

/** What no record has any more. */
const unsetFields: ReadonlySet<string> = new Set(
  MetricRecordSchema.fields.filter(({ proto }) => proto.options?.deprecated === true).map(({ name }) => name),
);

/** Names are the proto's, a count of 0 is there as one; the values of metrics stand under their tags, those that do not apply left out. */
export function recordJson(record: MetricRecord, tags: readonly string[], wanted: WantedFields): RecordJson {
  const json = toJson(MetricRecordSchema, record, { useProtoFieldName: true, alwaysEmitImplicit: true });
  const { values: _, ...given } = json as { readonly values?: unknown };
  const isWanted = (name: string): boolean =>
    (wanted.fields.length === 0 && !unsetFields.has(name)) || name === "credit_id" || wanted.fields.includes(name);
  const rest = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      isWanted(name) ? [[name, wideFields.has(name) ? Number(value) : value]] : [],
    ),
  );
  if (record.values.length === 0 || tags.length === 0) return rest;
  const shown = wanted.tags.length === 0 ? tags : wanted.tags;
  const metrics = shown.flatMap((tag) => {
    const value = metricOf(record, tags, tag);
    return value === undefined ? [] : [[tag, value] as const];
  });
  return { ...rest, metrics: Object.fromEntries(metrics) };
}

/** Headers of the columns in which records are one line each: `error` is its code, beside `error_message`; `check` is three. */
export function csvColumns({ columns }: WantedFields): readonly string[] {
  const named = columns.length > 0 ? ["credit_id", ...columns.filter((column) => column !== "credit_id")] : allColumns;
  return named.flatMap((column) => {
    if (column === "error") return ["error", "error_message"];
    if (column === "check") return [...checkColumns.keys()];
    return column === "values" ? recordMetrics.map(({ tag }) => tag) : [column];
  });
}

/** The text of one of `csvColumns`; empty where there is no value. */
export function csvValue(record: RecordJson, column: string): string {
  const { error, metrics, check } = record;
  if (column === "error") return isJsonObject(error) ? String(error.code) : "";
  if (column === "error_message") return isJsonObject(error) ? String(error.message ?? "") : "";
  const ofCheck = checkColumns.get(column);
  if (ofCheck !== undefined) return isJsonObject(check) ? String(check[ofCheck] ?? "") : "";
  return String(record[column] ?? (isJsonObject(metrics) ? metrics[column] : undefined) ?? "");
}

/** Without the answer and the stamps, which are bytes. */
const allColumns: readonly string[] = MetricRecordSchema.fields
  .map(({ name }) => name)
  .filter((name) => name !== "raw" && name !== "content_stamps" && !unsetFields.has(name));

/** Proto JSON writes 64 bits as text; ids and sizes are numbers to whoever reads these lines. */
const wideFields: ReadonlySet<string> = new Set(
  MetricRecordSchema.fields.flatMap((field) =>
    field.fieldKind === "scalar" && field.scalar === ScalarType.UINT64 ? [field.name] : [],
  ),
);
