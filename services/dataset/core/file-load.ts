/**
 * A dataset file that comes in pieces, made into turns. A row that cannot be used either ends it, with its place, or is left out
 * and counted. Pure but for what it keeps.
 */
import { isJsonObject, type JsonObject, parseJson } from "../../../endpoints/json-body.ts";
import { AssayError } from "../../common/errors.ts";
import { detectFormat, type FormatName, refusalOfText } from "./formats/detection.ts";
import { readMultiTurn } from "./formats/multi-turn.ts";
import { isName, type ReadRow, type Row, type RowProblem, shownValue } from "./formats/row.ts";
import { readSingleTurn } from "./formats/single-turn.ts";
import { columnOf, surveyJson } from "./json-survey.ts";
import { type Line, LineReader } from "./lines.ts";
import { type LoadedTurns, TurnCollector } from "./turn-collector.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface FileLoadOptions {
  /** As errors and warnings name the file. */
  readonly path: string;
  /** Undefined: found from the first row. */
  readonly format: FormatName | undefined;
  /** Rows that cannot be used are left out; otherwise the first one ends the loading. */
  readonly isSkipping: boolean;
  /** Conversations to keep, the first ones; rows that begin others are not looked at. */
  readonly maxConversations: number;
  /** Longest line that is read. */
  readonly maxRowBytes: number;
}

/** At least one turn. */
export interface LoadedFile extends LoadedTurns {
  readonly format: FormatName;
  /** Rows that turns were made of. */
  readonly usedRows: number;
  readonly skippedRows: number;
  /** Place and reason of the first row that was left out. */
  readonly firstSkipped: string | undefined;
  /** Fields that the format does not have, and how many rows have them; the first hundred. */
  readonly unknownFields: ReadonlyMap<string, number>;
}

const maxUnknownFields = 100;

export class FileLoad {
  readonly #options: FileLoadOptions;
  readonly #lines: LineReader;
  readonly #turns: TurnCollector;
  readonly #unknownFields = new Map<string, number>();
  #format: FormatName | undefined;
  #used = 0;
  #skipped = 0;
  #firstSkipped: Mistake | undefined;

  constructor(options: FileLoadOptions) {
    this.#options = options;
    this.#format = options.format;
    this.#lines = new LineReader(options.maxRowBytes);
    this.#turns = new TurnCollector(options.maxConversations);
  }

  /** All that is kept has been read. */
  get isFull(): boolean {
    return this.#turns.isFull;
  }

  /** Rows read so far, those left out included. */
  get rows(): number {
    return this.#used + this.#skipped;
  }

  /** Throws `invalid_argument` with file, line and column for a row that ends the loading. */
  push(piece: Uint8Array): void {
    this.#lines.push(piece, (line) => this.#take(line));
  }

  /** The file is over. Throws as `push` does, and for a file without a row that can be used. */
  end(): LoadedFile {
    this.#lines.end((line) => this.#take(line));
    if (this.#used === 0 || this.#format === undefined) throw this.#emptiness();
    const first = this.#firstSkipped;
    return {
      ...this.#turns.loaded(),
      format: this.#format,
      usedRows: this.#used,
      skippedRows: this.#skipped,
      firstSkipped: first === undefined ? undefined : textOf(first),
      unknownFields: this.#unknownFields,
    };
  }

  #take(line: Line): void {
    if (this.isFull || isBlank(line)) return;
    if (this.#turns.hasAllConversations && !this.#turns.knows(sessionOf(line))) return;
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
    const problem = this.#readObject(value);
    if (problem === undefined) return undefined;
    const { field, shownField = field, message } = problem;
    const offset = (field === undefined ? undefined : surveyJson(text).members.get(field)) ?? text.search(/\S/);
    const words = shownField === undefined ? message : `${shownField}: ${message}`;
    return { line: line.number, column: columnOf(text, offset), message: words };
  }

  #readObject(value: JsonObject): RowProblem | undefined {
    if (this.#format === undefined) {
      const detected = detectFormat(value);
      if ("refusal" in detected) return { field: undefined, message: detected.refusal };
      this.#format = detected.format;
    }
    const read = readRow(this.#format, value);
    if ("problem" in read) return read.problem;
    const problem = this.#problemOfPlace(read.row);
    if (problem === undefined) this.#keep(read.row);
    return problem;
  }

  /** What is wrong with a row where it stands. */
  #problemOfPlace({ sessionId, turns: [first] }: Row): RowProblem | undefined {
    if (first.delayMs === 0 || this.#turns.knows(sessionId)) return undefined;
    const message = "a pause before a session's first turn is not supported by this version";
    return this.#format === "multi_turn"
      ? { field: "turns", shownField: "turns[0].delay", message }
      : { field: "delay", message };
  }

  #keep(row: Row): void {
    this.#turns.add(row);
    this.#used++;
    for (const field of row.unknownFields) {
      const rows = this.#unknownFields.get(field);
      if (rows !== undefined || this.#unknownFields.size < maxUnknownFields) this.#unknownFields.set(field, (rows ?? 0) + 1);
    }
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

function readRow(format: FormatName, value: JsonObject): ReadRow {
  switch (format) {
    case "single_turn":
      return readSingleTurn(value);
    case "multi_turn":
      return readMultiTurn(value);
  }
}

/** The session that a line names, as far as it can be read. */
function sessionOf({ bytes, isTooLong }: Line): string | undefined {
  const decoded = isTooLong ? undefined : decodeUtf8(bytes);
  const value = decoded === undefined || "textBefore" in decoded ? undefined : parseJson(decoded.text);
  return isJsonObject(value) && isName(value.session_id) ? value.session_id : undefined;
}

function isBlank({ bytes, isTooLong }: Line): boolean {
  return !isTooLong && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
