/** A row that is a JSON text, wherever in a file that stands. Pure. */
import { isJsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import { shownValue } from "../formats/row.ts";
import { columnOf, surveyJson } from "../json-survey.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { Mistake, Place, RowItem } from "./row-item.ts";

export interface JsonText {
  readonly bytes: Uint8Array;
  /** Where it begins. */
  readonly place: Place;
  /** What its end is in messages: `the end of the line`. */
  readonly end: string;
}

export function itemOfJson({ bytes, place, end }: JsonText): RowItem {
  const decoded = decodeUtf8(bytes);
  if ("textBefore" in decoded) {
    const { textBefore } = decoded;
    const message = "expected UTF-8, got a byte that belongs to no character";
    return { kind: "mistake", mistake: { ...placeIn(textBefore, textBefore.length, place), message } };
  }
  const { text } = decoded;
  const value = parseJson(text);
  if (!isJsonObject(value)) return { kind: "mistake", mistake: mistakeIn(text, value, { place, end }) };
  return {
    kind: "row",
    value,
    placeOf: (field) => {
      const offset = (field === undefined ? undefined : surveyJson(text).members.get(field)) ?? text.search(/\S/);
      return placeIn(text, offset, place);
    },
  };
}

function mistakeIn(text: string, value: unknown, { place, end }: Omit<JsonText, "bytes">): Mistake {
  const { mistake } = surveyJson(text);
  const start = text.search(/\S/);
  const at = (offset: number, message: string): Mistake => ({ ...placeIn(text, offset, place), message });
  if (mistake === undefined) return at(start, `expected a JSON object, got ${shownValue(value)}`);
  const { offset, expected } = mistake;
  const found = text.codePointAt(offset);
  const got = found === undefined ? end : JSON.stringify(String.fromCodePoint(found));
  return at(offset, `expected ${offset === start ? "a JSON object" : expected}, got ${got}`);
}

/** Where an offset of a text is in the file, the text beginning at a place. */
function placeIn(text: string, offset: number, { line, column }: Place): Place {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf("\n");
  if (lastBreak < 0) return { line, column: column - 1 + columnOf(text, offset) };
  return { line: line + before.split("\n").length - 1, column: columnOf(before.slice(lastBreak + 1), before.length) };
}
