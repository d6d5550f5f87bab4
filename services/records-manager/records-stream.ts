/** Rows of a run one after the other. They are read a page at a time, and no page before the one before it was taken. */
import type { QueryClient } from "./query-client.ts";
import type { RecordRow, RecordsQuery } from "./query-records.ts";

export interface RecordsStreamOptions extends Omit<RecordsQuery, "pageSize" | "pageToken"> {
  /** At most so many. Default: all. */
  readonly limit?: number;
  /** Rows read at a time. Default: `PAGE_ROWS`. */
  readonly pageRows?: number;
  /** Ids put in order at a time. Default: `ORDERED_IDS`. */
  readonly orderedIds?: number;
}

const PAGE_ROWS = 500;
/** To put them in order all rows are looked at: so many at a time take 800 kB. */
const ORDERED_IDS = 100_000;

/** Pages of rows in the order asked for, none of them empty. Throws as `queryRecords`. */
export async function* streamRecords(
  queries: QueryClient,
  { limit = Number.POSITIVE_INFINITY, pageRows = PAGE_ROWS, orderedIds = ORDERED_IDS, ...query }: RecordsStreamOptions,
  signal?: AbortSignal,
): AsyncGenerator<readonly RecordRow[]> {
  if (query.orderBy !== undefined) {
    yield* streamOrdered(queries, { ...query, orderBy: query.orderBy }, { limit, pageRows, orderedIds }, signal);
    return;
  }
  let left = limit;
  let pageToken: string | undefined;
  do {
    const from = pageToken === undefined ? {} : { pageToken };
    const page = await queries.ask("records", { ...query, ...from, pageSize: Math.min(pageRows, left) }, signal);
    if (page.rows.length > 0) yield page.rows;
    left -= page.rows.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && left > 0);
}

async function* streamOrdered(
  queries: QueryClient,
  { fields, ...query }: RecordsQuery & { readonly orderBy: string },
  { limit, pageRows, orderedIds }: Required<Pick<RecordsStreamOptions, "limit" | "pageRows" | "orderedIds">>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly RecordRow[]> {
  const { folder } = query;
  let left = limit;
  let after: number | undefined;
  while (left > 0) {
    const most = Math.min(orderedIds, left);
    const ids = await queries.ask("order", { ...query, limit: most, ...(after === undefined ? {} : { after }) }, signal);
    for (let from = 0; from < ids.length; from += pageRows) {
      const wanted = ids.subarray(from, from + pageRows);
      yield await queries.ask("recordsOf", { folder, ids: wanted, ...(fields === undefined ? {} : { fields }) }, signal);
    }
    if (ids.length < most) return;
    left -= ids.length;
    after = ids.at(-1);
  }
}
