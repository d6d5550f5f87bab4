/**
 * A dataset file that comes in pieces, made into turns. A row that cannot be used either ends it, with its place, or is left out
 * and counted. Pure but for what it keeps.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject, parseJson } from "../../../endpoints/json-body.ts";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError } from "../../common/errors.ts";
import { detectFormat, type FormatName, refusalOfText } from "./formats/detection.ts";
import { type Row, type RowProblem, shownValue } from "./formats/row.ts";
import { readSingleTurn } from "./formats/single-turn.ts";
import { columnOf, surveyJson } from "./json-survey.ts";
import { type Line, LineReader } from "./lines.ts";
import { type PackedRows, RowPacker } from "./packed-rows.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface FileLoadOptions {
  /** As errors and warnings name the file. */
  readonly path: string;
  /** Undefined: found from the first row. */
  readonly format: FormatName | undefined;
  /** Rows that cannot be used are left out; otherwise the first one ends the loading. */
  readonly isSkipping: boolean;
  /** Rows to keep, the first ones; what follows them is not looked at. */
  readonly maxRows: number;
  /** Longest line that is read. */
  readonly maxRowBytes: number;
}

export interface LoadedFile {
  readonly format: FormatName;
  /** Each a `Turn` as bytes, conversation and turn unset. At least one. */
  readonly rows: PackedRows;
  readonly skippedRows: number;
  /** Place and reason of the first row that was left out. */
  readonly firstSkipped: string | undefined;
  /** Fields that the format does not have, and how many rows have them; the first hundred. */
  readonly unknownFields: ReadonlyMap<string, number>;
  /** Of the rows that name an output length. */
  readonly outputTokens: { readonly sum: number; readonly count: number };
}

const maxUnknownFields = 100;

export class FileLoad {
  readonly #options: FileLoadOptions;
  readonly #lines: LineReader;
  readonly #packer = new RowPacker();
  readonly #unknownFields = new Map<string, number>();
  /** Line of each session, by its id. */
  readonly #sessions = new Map<string, number>();
  readonly #outputTokens = { sum: 0, count: 0 };
  #format: FormatName | undefined;
  #skipped = 0;
  #firstSkipped: Mistake | undefined;

  constructor(options: FileLoadOptions) {
    this.#options = options;
    this.#format = options.format;
    this.#lines = new LineReader(options.maxRowBytes);
  }

  /** As many rows as are kept have been read. */
  get isFull(): boolean {
    return this.#packer.size >= this.#options.maxRows;
  }

  /** Rows read so far, those left out included. */
  get rows(): number {
    return this.#packer.size + this.#skipped;
  }

  /** Throws `invalid_argument` with file, line and column for a row that ends the loading. */
  push(piece: Uint8Array): void {
    this.#lines.push(piece, (line) => this.#take(line));
  }

  /** The file is over. Throws as `push` does, and for a file without a row that can be used. */
  end(): LoadedFile {
    this.#lines.end((line) => this.#take(line));
    if (this.#packer.size === 0 || this.#format === undefined) throw this.#emptiness();
    const first = this.#firstSkipped;
    return {
      format: this.#format,
      rows: this.#packer.packed(),
      skippedRows: this.#skipped,
      firstSkipped: first === undefined ? undefined : textOf(first),
      unknownFields: this.#unknownFields,
      outputTokens: this.#outputTokens,
    };
  }

  #take(line: Line): void {
    if (this.isFull || isBlank(line)) return;
    const mistake = this.#read(line);
    if (mistake === undefined) return;
    if (!this.#options.isSkipping) throw badDataset(this.#options.path, mistake);
    this.#skipped++;
    this.#firstSkipped ??= mistake;
  }

  /** Takes a row, or says why not. */
  #read(line: Line): Mistake | undefined {
    if (line.isTooLong) return { line: line.number, column: 1, message: `a line has ${this.#options.maxRowBytes} bytes at most` };
    const decoded = decodeUtf8(line.bytes);
    if ("textBefore" in decoded) return encodingMistake(line, decoded.textBefore);
    const { text } = decoded;
    const value = parseJson(text);
    if (!isJsonObject(value)) return syntaxMistake(line, text, value);
    const problem = this.#readObject(value, line.number);
    if (problem === undefined) return undefined;
    const { field, message } = problem;
    const offset = (field === undefined ? undefined : surveyJson(text).members.get(field)) ?? text.search(/\S/);
    const words = field === undefined ? message : `${field}: ${message}`;
    return { line: line.number, column: columnOf(text, offset), message: words };
  }

  #readObject(value: JsonObject, line: number): RowProblem | undefined {
    if (this.#format === undefined) {
      const detected = detectFormat(value);
      if ("refusal" in detected) return { field: undefined, message: detected.refusal };
      this.#format = detected.format;
    }
    const read = readSingleTurn(value);
    if ("problem" in read) return read.problem;
    return this.#keep(read.row, line);
  }

  #keep(row: Row, line: number): RowProblem | undefined {
    const { sessionId, maxOutputTokens } = row;
    if (sessionId !== undefined) {
      const other = this.#sessions.get(sessionId);
      if (other !== undefined) {
        const message = `${shownValue(sessionId)} is the session of line ${other}; several turns are not supported by this version`;
        return { field: "session_id", message };
      }
      this.#sessions.set(sessionId, line);
    }
    this.#packer.add(bytesOf(row));
    if (maxOutputTokens !== undefined) {
      this.#outputTokens.sum += maxOutputTokens;
      this.#outputTokens.count++;
    }
    for (const field of row.unknownFields) {
      const rows = this.#unknownFields.get(field);
      if (rows !== undefined || this.#unknownFields.size < maxUnknownFields) this.#unknownFields.set(field, (rows ?? 0) + 1);
    }
    return undefined;
  }

  #emptiness(): AssayError {
    const { path } = this.#options;
    const first = this.#firstSkipped;
    if (first === undefined) return badDataset(path, { line: 0, column: 0, message: "the file holds no rows" });
    const rows = this.#skipped === 1 ? "its row cannot be used" : `none of its ${this.#skipped} rows can be used, the first`;
    return badDataset(path, { ...first, message: `${first.message} (${rows})` });
  }
}

interface Mistake {
  /** From 1; 0: the whole file. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

function textOf({ line, column, message }: Mistake): string {
  return line === 0 ? message : `line ${line}, column ${column}: ${message}`;
}

function badDataset(path: string, mistake: Mistake): AssayError {
  const { line, column } = mistake;
  const description = textOf(mistake);
  return new AssayError("invalid_argument", `${path}${line === 0 ? ": " : ", "}${description}`, {
    reason: "BAD_DATASET",
    metadata: line === 0 ? { file: path } : { file: path, line: `${line}`, column: `${column}` },
    violations: [{ field: "dataset.file.path", description }],
  });
}

function encodingMistake({ number, bytes }: Line, textBefore: string): Mistake {
  const isUtf16 = number === 1 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff));
  const refusal = number === 1 ? refusalOfText(textBefore) : undefined;
  const message = refusal ?? (isUtf16 ? "expected UTF-8, got UTF-16" : "expected UTF-8, got a byte that belongs to no character");
  return { line: number, column: columnOf(textBefore, textBefore.length), message };
}

function syntaxMistake({ number }: Line, text: string, value: unknown): Mistake {
  const { mistake } = surveyJson(text);
  const at = (offset: number, message: string): Mistake => ({ line: number, column: columnOf(text, offset), message });
  if (mistake === undefined) return at(text.search(/\S/), `expected a JSON object, got ${shownValue(value)}`);
  const refusal = number === 1 ? refusalOfText(text) : undefined;
  if (refusal !== undefined) return at(0, refusal);
  const { offset, expected } = mistake;
  const found = text.codePointAt(offset);
  const got = found === undefined ? "the end of the line" : JSON.stringify(String.fromCodePoint(found));
  const isStart = offset === text.search(/\S/);
  return at(offset, `expected ${isStart ? "a JSON object" : expected}, got ${got}`);
}

function bytesOf({ messages, maxOutputTokens, model, sessionId, extraInputs }: Row): Uint8Array {
  const turn = create(TurnSchema, {
    messages: messages.map(({ role, content }) => ({ role, content })),
    maxOutputTokens: maxOutputTokens ?? 0,
    model: model ?? "",
    conversationId: sessionId ?? "",
    ...(extraInputs === undefined ? {} : { extraInputs }),
  });
  return toBinary(TurnSchema, turn);
}

function isBlank({ bytes, isTooLong }: Line): boolean {
  return !isTooLong && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
