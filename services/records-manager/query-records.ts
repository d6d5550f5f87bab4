/** Rows of a run, a page at a time. */

import { recordMetrics } from "../../metrics/catalog.ts";
import { AssayError } from "../common/errors.ts";
import { filterField, HOST_FIELD, meantField } from "./core/filter-fields.ts";
import { decodePageToken, encodePageToken } from "./core/page-token.ts";
import { conditionOf } from "./record-filter.ts";
import { type PageFilter, type RowOrder, RunReader } from "./store/run-reader.ts";
import type { PhaseRow } from "./store/run-rows.ts";
import { requestColumns, STAMPS_COLUMN } from "./store/schema.ts";

export interface RecordsQuery {
  readonly folder: string;
  /** Name of a phase. Default: all. */
  readonly phase?: string;
  /** As `core/filter.ts` has it. Default: every request. */
  readonly filter?: string;
  /** A field of filters, then ` asc` or ` desc`; requests without a value come last, equal ones by credit id. Default: by credit id. */
  readonly orderBy?: string;
  /** Columns of `requests`, metrics by their tags, `HOST_FIELD`. Default: all columns but `content_stamps`. */
  readonly fields?: readonly string[];
  /** 1 to `MAX_PAGE_SIZE`. Default: 100. */
  readonly pageSize?: number;
  /** `nextPageToken` of the page before. Default: the first page. */
  readonly pageToken?: string;
}

/** The credit id, then the fields in order; null where there is no value. Arrays cross to another thread at a fifth of what objects cost. */
export type RecordRow = readonly (number | string | Uint8Array | null)[];

export interface RecordsPage {
  /** Of the values of a row behind its credit id. */
  readonly fields: readonly string[];
  /** In the order asked for. */
  readonly rows: readonly RecordRow[];
  /** Undefined: this is the last page. */
  readonly nextPageToken: string | undefined;
}

const MAX_PAGE_SIZE = 10_000;
const DEFAULT_PAGE_SIZE = 100;

/** Throws `invalid_argument` for an unknown phase or field, a filter or an order that cannot be read, a page size out of bounds, or a token of another query. */
export function queryRecords(query: RecordsQuery): RecordsPage {
  const pageSize = query.pageSize ?? DEFAULT_PAGE_SIZE;
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE_SIZE) {
    throw new AssayError("invalid_argument", `page size must be from 1 to ${MAX_PAGE_SIZE}, got ${pageSize}`);
  }
  return reading(query.folder, (reader) => {
    const fields = fieldsOf(reader, query.fields);
    const common = JSON.stringify([query.phase, fields, query.filter, query.orderBy]);
    const options = {
      ...(query.pageToken === undefined ? {} : { after: decodePageToken(query.pageToken, common) }),
      ...wantedRows(reader, query),
      // One more than is shown tells whether there is a next page.
      pageRows: pageSize + 1,
    };
    const found = reader.page(fields, options) as RecordRow[];
    const rows = found.slice(0, pageSize);
    const lastId = rows.at(-1)?.[0] as number | undefined;
    return {
      fields,
      rows,
      nextPageToken: found.length > pageSize && lastId !== undefined ? encodePageToken(lastId, common) : undefined,
    };
  });
}

export interface OrderQuery extends Omit<RecordsQuery, "fields" | "pageSize" | "pageToken"> {
  /** Credit id of the last row before. Default: from the first one on. */
  readonly after?: number;
  readonly limit: number;
}

/** Credit ids of rows in an order. Throws as `queryRecords`. */
export function queryOrder(query: OrderQuery): Float64Array {
  return reading(query.folder, (reader) => {
    const after = query.after === undefined ? {} : { after: query.after };
    const rows = reader.page([], { ...wantedRows(reader, query), ...after, pageRows: query.limit });
    return Float64Array.from(rows, ([id]) => id as number);
  });
}

export interface RecordsOfQuery extends Pick<RecordsQuery, "folder" | "fields"> {
  /** Credit ids. */
  readonly ids: Float64Array;
}

/** Rows by their ids, in that order. Throws `invalid_argument` for an unknown field. */
export function queryRecordsOf({ folder, fields: asked, ids }: RecordsOfQuery): RecordsPage["rows"] {
  return reading(folder, (reader) => {
    const fields = fieldsOf(reader, asked);
    const rows = new Map((reader.rowsOf(fields, ids) as RecordRow[]).map((row) => [row[0], row]));
    return Array.from(ids, (id) => rows.get(id)).filter((row) => row !== undefined);
  });
}

function reading<Result>(folder: string, work: (reader: RunReader) => Result): Result {
  const reader = RunReader.open(folder);
  try {
    return work(reader);
  } finally {
    reader.close();
  }
}

type Wanted = Pick<RecordsQuery, "phase" | "filter" | "orderBy">;

function wantedRows(reader: RunReader, { phase, filter, orderBy }: Wanted): PageFilter & { readonly order?: RowOrder } {
  return { ...passingRows(reader, { phase, filter }), ...(orderBy === undefined ? {} : { order: orderOf(orderBy) }) };
}

/** Which rows are of a phase and pass a filter. Throws `invalid_argument` for an unknown phase, or a filter that cannot be read. */
export function passingRows(
  reader: RunReader,
  { phase, filter }: { readonly phase?: string | undefined; readonly filter?: string | undefined },
): PageFilter {
  return {
    ...(phase === undefined ? {} : { phase: phaseNamed(reader, phase).phase }),
    ...(filter === undefined ? {} : { where: conditionOf(reader, filter) }),
  };
}

/** Throws `invalid_argument` where the run has no such phase. */
export function phaseNamed(reader: RunReader, name: string): PhaseRow {
  const phases = reader.phases();
  const phase = phases.find((candidate) => candidate.name === name);
  if (phase !== undefined) return phase;
  const names = phases.map((candidate) => candidate.name).join(", ");
  throw new AssayError("invalid_argument", `phase must be one of ${names}, got "${name}"`);
}

function orderOf(text: string): RowOrder {
  const [, name = "", direction = "asc"] = /^\s*([\w.]+)(?:\s+(asc|desc))?\s*$/i.exec(text) ?? [];
  if (name === "") throw new AssayError("invalid_argument", `order by must be a field, then asc or desc, got "${text}"`);
  const field = filterField(name);
  if (field === undefined) throw new AssayError("invalid_argument", `order by: unknown field ${name}${meantField(name)}`);
  return { column: field.column, isDescending: direction.toLowerCase() === "desc" };
}

function fieldsOf(reader: RunReader, asked: readonly string[] | undefined): readonly string[] {
  const own = [...requestColumns, ...reader.metricTags];
  if (asked === undefined) return own.filter((column) => column !== STAMPS_COLUMN);
  // Of metrics that the file is too old for no request has a value.
  const known = new Set([...own, HOST_FIELD, ...recordMetrics.map(({ tag }) => tag)]);
  const unknown = asked.filter((field) => !known.has(field));
  if (unknown.length > 0)
    throw new AssayError("invalid_argument", `fields must be columns of requests, got "${unknown.join('", "')}"`);
  return asked;
}
