/** The rows of a Parquet file, a row group at a time: of a group the columns are held, and a row is made when it is its turn. */
import { type ColumnData, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { JsonObject } from "../../../endpoints/json-body.ts";
import { jsonOfParquet } from "../core/containers/parquet-value.ts";
import type { RowItem } from "../core/containers/row-item.ts";
import type { ByteBudget } from "./byte-budget.ts";

/** Where the file's bytes are. */
export interface ByteSource {
  readonly sizeBytes: number;
  bytesAt(start: number, length: number): Uint8Array<ArrayBuffer>;
}

/**
 * Every row in order, until whoever takes them has enough. A file that is damaged is a mistake of the whole, after the rows before it.
 * Throws what the budget throws.
 * @param budget pays for the columns as they are uncompressed
 */
export async function* parquetRows(source: ByteSource, budget: ByteBudget): AsyncGenerator<RowItem> {
  const file = {
    byteLength: source.sizeBytes,
    slice: (start: number, end = source.sizeBytes) => bufferOf(source.bytesAt(start, end - start)),
  };
  const metadata = await orMistake(parquetMetadataAsync(file));
  if (metadata instanceof Damage) return yield metadata.item;
  const groups = groupsOf(metadata);
  for (const { rowStart, rowEnd, sizeBytes } of groups) {
    budget.take(sizeBytes);
    const chunks: ColumnData[] = [];
    const onChunk = (chunk: ColumnData): unknown => chunks.push(chunk);
    const read = await orMistake(parquetRead({ file, metadata, compressors, rowStart, rowEnd, onChunk, utf8: false }));
    if (read instanceof Damage) return yield read.item;
    yield* rowsOf(chunks, rowStart, rowEnd);
  }
}

interface Group {
  readonly rowStart: number;
  readonly rowEnd: number;
  /** Uncompressed. */
  readonly sizeBytes: number;
}

function groupsOf({ row_groups: groups }: FileMetaData): Group[] {
  let rowStart = 0;
  return groups.map(({ num_rows: rows, columns }) => {
    const rowEnd = rowStart + Number(rows);
    const sizeBytes = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
    const group = { rowStart, rowEnd, sizeBytes };
    rowStart = rowEnd;
    return group;
  });
}

function* rowsOf(chunks: readonly ColumnData[], rowStart: number, rowEnd: number): Generator<RowItem> {
  const columns = new Map<string, ColumnData[]>();
  for (const chunk of chunks) columns.set(chunk.columnName, [...(columns.get(chunk.columnName) ?? []), chunk]);
  // A column comes in several runs; each is read from its first row to its last.
  const at = [...columns].map(([name, runs]) => ({ name, runs, run: 0 }));
  for (let row = rowStart; row < rowEnd; row++) {
    const value: Record<string, unknown> = {};
    for (const column of at) {
      while (row >= (column.runs[column.run]?.rowEnd ?? Number.POSITIVE_INFINITY)) column.run++;
      const run = column.runs[column.run];
      const found = run === undefined ? undefined : jsonOfParquet(run.columnData[row - run.rowStart]);
      if (found !== undefined) value[column.name] = found;
    }
    yield itemOf(value, row + 1);
  }
}

function itemOf(value: JsonObject, number: number): RowItem {
  return { kind: "row", value, placeOf: () => ({ line: number, column: 0, isRow: true }) };
}

/** Why a file is no Parquet file, or a damaged one. */
class Damage {
  readonly item: RowItem;
  constructor(error: unknown) {
    const how = error instanceof Error ? error.message : String(error);
    this.item = { kind: "mistake", mistake: { line: 0, column: 0, message: `cannot be read as a Parquet file: ${how}` } };
  }
}

/** The library tells what is wrong with a file by errors of every kind. */
async function orMistake<T>(reading: Promise<T>): Promise<T | Damage> {
  try {
    return await reading;
  } catch (error) {
    return new Damage(error);
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return byteOffset === 0 && byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
}
