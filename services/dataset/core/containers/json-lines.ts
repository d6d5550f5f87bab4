/** JSON lines: an object a line, UTF-8, LF or CRLF, with or without a byte order mark; blank lines are none. Pure. */
import { isJsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import { refusalOfText } from "../formats/detection.ts";
import { shownValue } from "../formats/row.ts";
import { columnOf, surveyJson } from "../json-survey.ts";
import { type Line, LineReader } from "../lines.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { Mistake, RowContainer, RowItem } from "./row-item.ts";

/** @param maxRowBytes longest line that is read */
export function jsonLines(maxRowBytes: number): RowContainer {
  const lines = new LineReader(maxRowBytes);
  const give = (take: (item: RowItem) => void) => (line: Line) => {
    if (!isBlank(line)) take(itemOf(line, maxRowBytes));
  };
  return { push: (piece, take) => lines.push(piece, give(take)), end: (take) => lines.end(give(take)) };
}

function itemOf(line: Line, maxRowBytes: number): RowItem {
  if (line.isTooLong) {
    return { kind: "mistake", mistake: { line: line.number, column: 1, message: `a line has ${maxRowBytes} bytes at most` } };
  }
  const decoded = decodeUtf8(line.bytes);
  if ("textBefore" in decoded) return { kind: "mistake", mistake: encodingMistake(line, decoded.textBefore) };
  const { text } = decoded;
  const value = parseJson(text);
  if (!isJsonObject(value)) return { kind: "mistake", mistake: syntaxMistake(line.number, text, value) };
  const { number } = line;
  return {
    kind: "row",
    value,
    placeOf: (field) => {
      const offset = (field === undefined ? undefined : surveyJson(text).members.get(field)) ?? text.search(/\S/);
      return { line: number, column: columnOf(text, offset) };
    },
  };
}

function encodingMistake({ number, bytes }: Line, textBefore: string): Mistake {
  const isUtf16 = number === 1 && ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff));
  const refusal = number === 1 ? refusalOfText(textBefore) : undefined;
  const message = refusal ?? (isUtf16 ? "expected UTF-8, got UTF-16" : "expected UTF-8, got a byte that belongs to no character");
  return { line: number, column: columnOf(textBefore, textBefore.length), message };
}

function syntaxMistake(number: number, text: string, value: unknown): Mistake {
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

function isBlank({ bytes, isTooLong }: Line): boolean {
  return !isTooLong && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
