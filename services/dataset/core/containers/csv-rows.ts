/**
 * CSV as in RFC 4180 with a header: commas, LF or CRLF, fields in double quotes that may hold both, a quote within written twice. A
 * quote within a field that does not begin with one is a character like any other, as Python's reader takes it. All values are texts;
 * an empty field is none, and blank lines are none. Pure.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { columnOf } from "../json-survey.ts";
import { type Line, LineReader } from "../lines.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { Mistake, Place, RowContainer, RowItem } from "./row-item.ts";

/** @param maxRowBytes longest row that is read, its lines together */
export function csvRows(maxRowBytes: number): RowContainer {
  const reader = new CsvReader(maxRowBytes);
  const lines = new LineReader(maxRowBytes);
  return {
    push: (piece, take) => lines.push(piece, (line) => reader.read(line, take)),
    end(take) {
      lines.end((line) => reader.read(line, take));
      reader.end(take);
    },
  };
}

type Take = (item: RowItem) => void;

/** A row under way. */
interface Underway {
  readonly values: string[];
  /** Where each value begins. */
  readonly starts: Start[];
  sizeBytes: number;
}

interface Start {
  readonly line: number;
  readonly text: string;
  /** Within the line's text. */
  readonly offset: number;
}

class CsvReader {
  readonly #maxRowBytes: number;
  #names: readonly string[] | undefined;
  /** A header that cannot be used has been told of. */
  #isDead = false;
  #record: Underway = { values: [], starts: [], sizeBytes: 0 };
  /** What has come of a field in quotes that has not been closed; undefined: none is open. */
  #quoted: string | undefined;

  constructor(maxRowBytes: number) {
    this.#maxRowBytes = maxRowBytes;
  }

  read(line: Line, take: Take): void {
    if (this.#isDead) return;
    const sizeBytes = this.#record.sizeBytes + line.bytes.length;
    const decoded = decodeUtf8(line.bytes);
    if (line.isTooLong || sizeBytes > this.#maxRowBytes) this.#refuse(this.#tooLong(line), take);
    else if ("textBefore" in decoded) this.#refuse(mistakeOfEncoding(line, decoded.textBefore), take);
    else if (this.#quoted !== undefined || decoded.text.trim() !== "") {
      this.#record.sizeBytes = sizeBytes;
      this.#fields(decoded.text, line, take);
    }
  }

  end(take: Take): void {
    if (this.#quoted === undefined) return;
    this.#refuse({ ...this.#lastPlace(), message: "expected a closing quote, got the end of the file" }, take);
  }

  /** The fields of a line, or of the rest of one in whose midst a field in quotes ends. */
  #fields(text: string, { number: line, end }: Line, take: Take): void {
    let at = 0;
    for (;;) {
      if (this.#quoted === undefined) {
        this.#record.starts.push({ line, text, offset: at });
        if (text[at] === '"') {
          this.#quoted = "";
          at++;
        }
      }
      const next = this.#quoted === undefined ? this.#bare(text, at) : this.#inQuotes(text, at, end);
      if (next === undefined) return;
      if (text[next] === ",") {
        at = next + 1;
        continue;
      }
      if (next === text.length) this.#finish(take);
      else this.#refuse(mistakeAfterQuote(line, text, next), take);
      return;
    }
  }

  #bare(text: string, at: number): number {
    const found = text.indexOf(",", at);
    const next = found < 0 ? text.length : found;
    this.#record.values.push(text.slice(at, next));
    return next;
  }

  /** Where a field in quotes is over; undefined: it goes on in the next line. */
  #inQuotes(text: string, from: number, end: string): number | undefined {
    let value = this.#quoted ?? "";
    for (let at = from; ; ) {
      const quote = text.indexOf('"', at);
      if (quote < 0) {
        this.#quoted = value + text.slice(at) + end;
        return undefined;
      }
      if (text[quote + 1] !== '"') {
        this.#record.values.push(value + text.slice(at, quote));
        this.#quoted = undefined;
        return quote + 1;
      }
      value += text.slice(at, quote + 1);
      at = quote + 2;
    }
  }

  #finish(take: Take): void {
    const { values, starts } = this.#record;
    this.#clear();
    if (this.#names === undefined) {
      const mistake = mistakeOfHeader(values, starts);
      if (mistake === undefined) this.#names = values;
      else this.#refuse(mistake, take);
      return;
    }
    const names = this.#names;
    if (values.length !== names.length) {
      const message = `expected ${names.length} fields as in the header, got ${values.length}`;
      take({ kind: "mistake", mistake: { ...placeOf(starts[0]), message } });
      return;
    }
    const pairs = names.flatMap((name, index) => (name === "" || values[index] === "" ? [] : [[name, values[index]]]));
    const value: JsonObject = Object.fromEntries(pairs);
    take({
      kind: "row",
      value,
      placeOf: (field) => placeOf(starts[field === undefined ? 0 : Math.max(0, names.indexOf(field))]),
    });
  }

  /** The row under way is given up, and with it the file where that is the header. */
  #refuse(mistake: Mistake, take: Take): void {
    this.#clear();
    if (this.#names === undefined) this.#isDead = true;
    take({ kind: "mistake", mistake });
  }

  #clear(): void {
    this.#record = { values: [], starts: [], sizeBytes: 0 };
    this.#quoted = undefined;
  }

  #tooLong({ number }: Line): Mistake {
    const message = `a row has ${this.#maxRowBytes} bytes at most`;
    if (this.#quoted === undefined) return { line: number, column: 1, message };
    return { ...this.#lastPlace(), message: `${message}, and the quote that begins here is not closed within them` };
  }

  #lastPlace(): Place {
    return placeOf(this.#record.starts.at(-1));
  }
}

function mistakeOfEncoding({ number }: Line, textBefore: string): Mistake {
  const message = "expected UTF-8, got a byte that belongs to no character";
  return { line: number, column: columnOf(textBefore, textBefore.length), message };
}

function mistakeAfterQuote(line: number, text: string, offset: number): Mistake {
  const got = JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0));
  const message = `expected a comma or the end of the line after a closing quote, got ${got}`;
  return { line, column: columnOf(text, offset), message };
}

function mistakeOfHeader(names: readonly string[], starts: readonly Start[]): Mistake | undefined {
  const [only = ""] = names;
  const other = names.length === 1 ? /[;\t|]/.exec(only)?.[0] : undefined;
  if (other !== undefined) {
    return { ...placeOf(starts[0]), message: `expected a header with commas between its fields, got ${JSON.stringify(other)}` };
  }
  const twice = names.findIndex((name, index) => name !== "" && names.indexOf(name) !== index);
  return twice < 0 ? undefined : { ...placeOf(starts[twice]), message: `the header names ${JSON.stringify(names[twice])} twice` };
}

function placeOf(start: Start | undefined): Place {
  return start === undefined ? { line: 0, column: 0 } : { line: start.line, column: columnOf(start.text, start.offset) };
}
