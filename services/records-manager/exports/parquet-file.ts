/** Writes a Parquet file by row groups: memory is that of one group. The only user of `hyparquet-writer`. */
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { AssayError } from "../../common/errors.ts";
import type { Write } from "./atomic-file.ts";

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]["schema"][number];

export type ParquetType = "BOOLEAN" | "INT32" | "INT64" | "DOUBLE" | "STRING" | "DOUBLES";

export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** It may be null. Default: false. */
  readonly isNullable?: boolean;
}

/** A value of a column by its type: a list of doubles is an array. */
export type ParquetValue = boolean | number | bigint | string | readonly number[] | null;

/** Bytes that wait for a write at most, what a page needs on top. */
const BUFFER_BYTES = 1024 * 1024;

export class ParquetFile {
  readonly #columns: readonly ParquetColumn[];
  readonly #writer: ParquetWriter;

  /** @param metadata pairs for whoever reads the file's footer */
  constructor(write: Write, columns: readonly ParquetColumn[], metadata: Readonly<Record<string, string>>) {
    this.#columns = columns;
    this.#writer = new ParquetWriter({
      writer: new PieceWriter(write),
      schema: [{ name: "schema", num_children: columns.length }, ...columns.flatMap(elementsOf)],
      kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      createdBy: "assay",
    });
  }

  /** @param group the values of each column, in the order of the columns, all of one length above 0 */
  addGroup(group: readonly (readonly ParquetValue[])[]): void {
    const rowGroupSize = group[0]?.length ?? 0;
    const columnData = this.#columns.map(({ name, type }, index) => {
      const data = [...(group[index] ?? [])];
      // Measured times hardly repeat: looking for a dictionary of them takes memory and finds none.
      return type === "DOUBLE" || type === "DOUBLES" ? { name, data, encoding: "PLAIN" as const } : { name, data };
    });
    done(this.#writer.write({ columnData, rowGroupSize }) ?? undefined);
  }

  /** Writes the footer. Without it the file is none. */
  finish(): void {
    done(this.#writer.finish() ?? undefined);
  }
}

/** The library waits only for writers that have it wait, and ours does not. */
function done(result: undefined | Promise<void>): void {
  if (result !== undefined) throw new AssayError("internal", "the Parquet writer did not write at once");
}

/** Hands its bytes on before they become many. */
class PieceWriter extends ByteWriter {
  readonly #write: Write;

  constructor(write: Write) {
    super(BUFFER_BYTES);
    this.#write = write;
  }

  override ensure(size: number): void {
    if (this.index >= BUFFER_BYTES) this.#handOn();
    super.ensure(size);
  }

  flush(): void {
    this.#handOn();
  }

  override finish(): void {
    this.#handOn();
  }

  #handOn(): void {
    this.#write(this.getBytes());
    this.index = 0;
  }
}

function elementsOf({ name, type, isNullable = false }: ParquetColumn): SchemaElement[] {
  const repetition_type = isNullable ? "OPTIONAL" : "REQUIRED";
  switch (type) {
    case "STRING":
      return [{ name, repetition_type, type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }];
    case "DOUBLES":
      return [
        { name, repetition_type, num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", repetition_type: "REQUIRED", type: "DOUBLE" },
      ];
    default:
      return [{ name, repetition_type, type }];
  }
}
