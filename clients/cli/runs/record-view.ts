/** A record for programs. Pure. */
import { ScalarType, toJson } from "@bufbuild/protobuf";
import { type MetricRecord, MetricRecordSchema } from "../../../gen/assay/records_manager/v1/record_pb.js";

/** Value of a metric; undefined where it does not apply. `tags`: of the page that the record came in. */
export function metricOf({ values }: MetricRecord, tags: readonly string[], tag: string): number | undefined {
  const value = values[tags.indexOf(tag)] ?? Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

/**
 * Names are the proto's; the values of metrics stand under their tags, those that do not apply left out.
 * @param fields that were asked for; empty: all, and then fields without a value are there as well
 */
export function recordJson(record: MetricRecord, tags: readonly string[], fields: readonly string[]): object {
  const json = toJson(MetricRecordSchema, record, { useProtoFieldName: true, alwaysEmitImplicit: fields.length === 0 }) as object;
  const { values, ...given } = json as { readonly values?: unknown };
  const rest = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, wideFields.has(name) ? Number(value) : value]),
  );
  if (values === undefined || tags.length === 0) return rest;
  const metrics = tags.flatMap((tag) => {
    const value = metricOf(record, tags, tag);
    return value === undefined ? [] : [[tag, value] as const];
  });
  return { ...rest, metrics: Object.fromEntries(metrics) };
}

/** Proto JSON writes 64 bits as text; ids and sizes are numbers to whoever reads these lines. */
const wideFields: ReadonlySet<string> = new Set(
  MetricRecordSchema.fields.flatMap((field) =>
    field.fieldKind === "scalar" && field.scalar === ScalarType.UINT64 ? [field.name] : [],
  ),
);
