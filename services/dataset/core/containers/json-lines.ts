/** JSON lines: an object a line, UTF-8, LF or CRLF, with or without a byte order mark; blank lines are none. Pure. */
import { type Line, LineReader } from "../lines.ts";
import { itemOfJson } from "./json-item.ts";
import type { RowContainer, RowItem } from "./row-item.ts";

/** @param maxRowBytes longest line that is read */
export function jsonLines(maxRowBytes: number): RowContainer {
  const lines = new LineReader(maxRowBytes);
  const give = (take: (item: RowItem) => void) => (line: Line) => {
    if (!isBlank(line)) take(itemOf(line, maxRowBytes));
  };
  return { push: (piece, take) => lines.push(piece, give(take)), end: (take) => lines.end(give(take)) };
}

function itemOf({ number, bytes, isTooLong }: Line, maxRowBytes: number): RowItem {
  const place = { line: number, column: 1 };
  if (isTooLong) return { kind: "mistake", mistake: { ...place, message: `a line has ${maxRowBytes} bytes at most` } };
  return itemOfJson({ bytes, place, end: "the end of the line" });
}

function isBlank({ bytes, isTooLong }: Line): boolean {
  return !isTooLong && bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
