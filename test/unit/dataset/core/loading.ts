/** Files and rows as the dataset service reads them, for tests. */
import { expect } from "chai";
import { loadCompiler } from "../../../../services/common/checks/compile.ts";
import { checkKinds } from "../../../../services/common/checks/expectation.ts";
import { csvRows } from "../../../../services/dataset/core/containers/csv-rows.ts";
import { jsonLines } from "../../../../services/dataset/core/containers/json-lines.ts";
import { FileLoad, type FileLoadOptions, type LoadedFile } from "../../../../services/dataset/core/file-load.ts";
import { problemsBy } from "../../../../services/dataset/core/formats/expectation.ts";
import type {
  Format,
  ReaderOptions,
  ReaderTools,
  RowReader,
  RowSource,
} from "../../../../services/dataset/core/formats/format.ts";
import type { ReadRow, Row } from "../../../../services/dataset/core/formats/row.ts";

export const readerOptions: ReaderOptions = {
  seed: 1,
  maxConversations: Number.POSITIVE_INFINITY,
  blockTokens: undefined,
  endpointPath: "/v1/chat/completions",
  namesOutputTokens: false,
  batchSizes: { text: 1, image: 1, audio: 1, video: 1 },
};

/** Files of the dataset's folder: what ends with .png is an image, and so on; `missing` is none. */
export const readerTools: ReaderTools = {
  readMedia(path, medium) {
    if (path.startsWith("missing")) return { problem: "there is no such file" };
    return { url: `data:${medium}/${path.slice(path.lastIndexOf(".") + 1)};base64,${path}` };
  },
  countTokens: (text) => text.split(" ").length,
  problemOf: problemsBy(await loadCompiler(checkKinds)),
};

export const rowSource: RowSource = { file: "p.jsonl", isInFolder: false, container: "jsonl", index: 0 };

const loadOptions: FileLoadOptions = { ...readerOptions, path: "/data/p.jsonl", format: undefined, isSkipping: false };

export interface Loading {
  readonly load: FileLoad;
  push(piece: Uint8Array): void;
  end(): LoadedFile;
}

/** JSON lines that come in pieces; a line has 1 000 bytes at most. */
export function loadingOf(changes: Partial<FileLoadOptions> = {}): Loading {
  const load = new FileLoad({ ...loadOptions, ...changes }, readerTools);
  const lines = jsonLines(1000);
  return {
    load,
    push: (piece) => lines.push(piece, (item) => load.take(item)),
    end() {
      lines.end((item) => load.take(item));
      if (load.awaited === "counter") load.countBy(readerTools.countTokens);
      return load.end();
    },
  };
}

/** Rows of objects, as a file of them is loaded. */
export function loadedRows(rows: readonly Record<string, unknown>[], changes: Partial<FileLoadOptions> = {}): LoadedFile {
  const load = new FileLoad({ ...loadOptions, ...changes }, readerTools);
  load.enter({ file: "p", isInFolder: false, container: "jsonl" });
  for (const value of rows) load.take({ kind: "row", value, placeOf: () => ({ line: 1, column: 1 }) });
  return load.end();
}

/** The text of a CSV file, as it is loaded. */
export function loadedCsv(text: string): LoadedFile {
  const load = new FileLoad(loadOptions, readerTools);
  load.enter({ file: "p.csv", isInFolder: false, container: "csv" });
  const rows = csvRows(1000);
  rows.push(Buffer.from(text), (item) => load.take(item));
  rows.end((item) => load.take(item));
  return load.end();
}

/** One row of a format by itself, or its reason against it. */
export function readOne(format: Format, row: Record<string, unknown>, source: Partial<RowSource> = {}): ReadRow {
  return format.createReader(readerOptions, readerTools).read(row, { ...rowSource, ...source }, () => ({ line: 1, column: 1 }));
}

export function rowOf(format: Format, row: Record<string, unknown>, source?: Partial<RowSource>): Row {
  const read = readOne(format, row, source);
  if ("problem" in read) expect.fail(`${read.problem.shownField ?? read.problem.field}: ${read.problem.message}`);
  return read.row ?? expect.fail("the row was kept for later");
}

/** Field, as it is called within it, and reason of a row that cannot be carried out: `turns/turns[1].delay: …`. */
export function problemOf(format: Format, row: Record<string, unknown>, source?: Partial<RowSource>): string {
  const read = readOne(format, row, source);
  if ("row" in read) expect.fail(`the row was taken: ${JSON.stringify(read.row)}`);
  const { field, shownField, message } = read.problem;
  return `${shownField === undefined ? field : `${field}/${shownField}`}: ${message}`;
}

/** What a reader tells once its rows are over. */
export function finishedRows(finish: RowReader["finish"] | undefined): Row[] {
  return [...(finish?.() ?? [])].map((row) => ("turns" in row ? row : expect.fail(JSON.stringify(row))));
}
