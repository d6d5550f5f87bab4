/**
 * JSON that is not bound to lines: an array, whose elements are rows, or documents one after another, each of which is a row. The
 * text is cut into rows as it comes, so that of an array one element is held at a time. Pure.
 */
import { itemOfJson } from "./json-item.ts";
import type { Place, RowContainer, RowItem } from "./row-item.ts";

export interface JsonValuesLimits {
  /** Longest element of an array. */
  readonly maxRowBytes: number;
  /** Longest document that is no array. */
  readonly maxDocumentBytes: number;
}

export function jsonValues(limits: JsonValuesLimits): RowContainer {
  const splitter = new Splitter(limits);
  return { push: (piece, take) => splitter.push(piece, take), end: (take) => splitter.end(take) };
}

type Take = (item: RowItem) => void;

/**
 * What may come next: `start`, nothing has come; `document`, another document or the end; `first`, an element or the array's end;
 * `element`, an element after a comma; `comma`, a comma or the array's end; `over`, nothing; `done`, nothing, and that something
 * came nevertheless has been said.
 */
type Awaited = "start" | "document" | "first" | "element" | "comma" | "over" | "done";

/** A value whose end has not come. */
interface Begun {
  readonly place: Place;
  readonly maxBytes: number;
  /** Neither an object, nor an array, nor a text: it ends with what cannot belong to it. */
  readonly isBare: boolean;
  /** Pieces of it that are gone from the reader's hands. */
  kept: Uint8Array[];
  sizeBytes: number;
  isTooLong: boolean;
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const lf = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

class Splitter {
  readonly #limits: JsonValuesLimits;
  #awaited: Awaited = "start";
  #begun: Begun | undefined;
  #depth = 0;
  #isInText = false;
  #isEscaped = false;
  #line = 1;
  #column = 0;
  #marks = 0;

  constructor(limits: JsonValuesLimits) {
    this.#limits = limits;
  }

  push(piece: Uint8Array, take: Take): void {
    let start = 0;
    for (let at = this.#skipMark(piece); at < piece.length; at++) {
      const byte = piece[at] ?? 0;
      if (this.#begun?.isBare && endsBare(byte)) this.#finish(piece.subarray(start, at), take);
      // Bytes that go on with a character begin no column.
      if ((byte & 0xc0) !== 0x80) this.#column++;
      if (this.#begun === undefined) {
        start = at;
        this.#between(byte, take);
      }
      if (this.#begun !== undefined && this.#isEnd(byte)) this.#finish(piece.subarray(start, at + 1), take);
      if (byte === lf) {
        this.#line++;
        this.#column = 0;
        // No text of JSON goes on in the next line: one that was not closed does not swallow the rows that follow.
        this.#isInText = false;
      }
    }
    if (this.#begun !== undefined) this.#keep(this.#begun, piece.subarray(start), take);
  }

  end(take: Take): void {
    if (this.#begun !== undefined) {
      this.#isInText = false;
      this.#finish(new Uint8Array(0), take);
      return;
    }
    const awaited = this.#awaited;
    if (awaited !== "first" && awaited !== "element" && awaited !== "comma") return;
    this.#column++;
    this.#complain(take, `expected ${expectedOf[awaited]}, got the end of the file`);
  }

  /** Steps over a byte order mark. */
  #skipMark(piece: Uint8Array): number {
    if (this.#awaited !== "start") return 0;
    let at = 0;
    while (this.#marks < byteOrderMark.length && piece[at] === byteOrderMark[this.#marks]) {
      this.#marks++;
      at++;
    }
    return at;
  }

  /** A byte that belongs to no value, or begins one. */
  #between(byte: number, take: Take): void {
    const awaited = this.#awaited;
    if (isBlank(byte) || awaited === "done") return;
    if (awaited === "start" && byte === openBracket) {
      this.#awaited = "first";
    } else if (awaited === "over") {
      this.#complain(take, `expected nothing more after the array, got ${shown(byte)}`);
      this.#awaited = "done";
    } else if (byte === closeBracket && (awaited === "first" || awaited === "comma")) {
      this.#awaited = "over";
    } else if (byte === comma && awaited === "comma") {
      this.#awaited = "element";
    } else if ((byte === closeBracket || byte === comma) && awaited !== "start" && awaited !== "document") {
      this.#complain(take, `expected ${expectedOf[awaited]}, got ${shown(byte)}`);
      this.#awaited = byte === comma ? "element" : "over";
    } else {
      if (awaited === "comma") this.#complain(take, `expected ${expectedOf.comma}, got ${shown(byte)}`);
      this.#begin(byte);
    }
  }

  #begin(byte: number): void {
    const isDocument = this.#awaited === "start" || this.#awaited === "document";
    this.#begun = {
      place: { line: this.#line, column: this.#column },
      maxBytes: isDocument ? this.#limits.maxDocumentBytes : this.#limits.maxRowBytes,
      isBare: byte !== openBrace && byte !== openBracket && byte !== quote,
      kept: [],
      sizeBytes: 0,
      isTooLong: false,
    };
    this.#awaited = isDocument ? "document" : "comma";
    this.#depth = 0;
  }

  /** Whether a value that is no bare one ends with this byte of it. */
  #isEnd(byte: number): boolean {
    if (this.#isInText) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) {
        this.#isInText = false;
        return this.#depth === 0;
      }
      return false;
    }
    if (byte === quote) this.#isInText = true;
    else if (byte === openBrace || byte === openBracket) this.#depth++;
    else if (byte === closeBrace || byte === closeBracket) return --this.#depth === 0;
    return false;
  }

  #finish(rest: Uint8Array, take: Take): void {
    const begun = this.#begun;
    if (begun === undefined) return;
    this.#keep(begun, rest, take);
    this.#begun = undefined;
    this.#isInText = false;
    this.#isEscaped = false;
    if (!begun.isTooLong) take(itemOfJson({ bytes: joined(begun), place: begun.place, end: "the end of the file" }));
  }

  /** Said as soon as it is known: whoever reads may not want the rest of the file. */
  #keep(begun: Begun, piece: Uint8Array, take: Take): void {
    if (begun.isTooLong) return;
    begun.sizeBytes += piece.length;
    // The piece may be used again by whoever reads.
    begun.kept.push(new Uint8Array(piece));
    if (begun.sizeBytes <= begun.maxBytes) return;
    begun.isTooLong = true;
    begun.kept = [];
    take({ kind: "mistake", mistake: { ...begun.place, message: `a row has ${begun.maxBytes} bytes at most` } });
  }

  #complain(take: Take, message: string): void {
    take({ kind: "mistake", mistake: { line: this.#line, column: this.#column, message } });
  }
}

const expectedOf = { first: "a JSON object or ]", element: "a JSON object", comma: "a comma or ]" } as const;

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === lf || byte === 0x0d || byte === 0x09;
}

function endsBare(byte: number): boolean {
  return isBlank(byte) || byte === comma || byte === closeBracket;
}

function shown(byte: number): string {
  return byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)) : "something else";
}

function joined({ kept, sizeBytes }: Begun): Uint8Array {
  const [first = new Uint8Array(0), second] = kept;
  if (second === undefined) return first;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of kept) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
