/** Lines out of a file that comes in pieces. Pure; memory is bounded by the longest line that is taken. */

const lf = 0x0a;
const cr = 0x0d;
const byteOrderMark = [0xef, 0xbb, 0xbf];
/** Bytes of a line that are none of its own: the mark and a CR. */
const mostAround = byteOrderMark.length + 1;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end (LF or CRLF) and, in the first line, without a byte order mark. Valid during the call only. */
  readonly bytes: Uint8Array;
  /** It has more bytes than are taken; `bytes` is empty. Said as soon as it is known, the line's end may not have come. */
  readonly isTooLong: boolean;
  /** What ends it; empty: the end of the file, or that of a line that is too long. */
  readonly end: "" | "\n" | "\r\n";
}

/** Splits at LF. What follows the last one is a line, too, unless it is empty. */
export class LineReader {
  readonly #maxBytes: number;
  #number = 0;
  /** What has come of a line whose end has not. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(piece: Uint8Array, take: (line: Line) => void): void {
    let start = 0;
    for (let end = piece.indexOf(lf); end >= 0; end = piece.indexOf(lf, start)) {
      this.#finish(piece.subarray(start, end), true, take);
      start = end + 1;
    }
    if (start === piece.length) return;
    const wasTooLong = this.#isBegunTooLong;
    this.#begunBytes += piece.length - start;
    if (this.#isBegunTooLong) {
      // Of a line that is not taken nothing is kept but its length.
      this.#begun = [];
      if (!wasTooLong) this.#give(new Uint8Array(0), { number: this.#number + 1, isTooLong: true, end: "" }, take);
      // The piece may be reused by whoever reads.
    } else this.#begun.push(new Uint8Array(piece.subarray(start)));
  }

  /** The file is over. */
  end(take: (line: Line) => void): void {
    if (this.#begunBytes > 0) this.#finish(new Uint8Array(0), false, take);
  }

  get #isBegunTooLong(): boolean {
    return this.#begunBytes > this.#maxBytes + mostAround;
  }

  #finish(rest: Uint8Array, hasBreak: boolean, take: (line: Line) => void): void {
    const number = ++this.#number;
    const isToldOf = this.#isBegunTooLong;
    const sizeBytes = this.#begunBytes + rest.length;
    const isKept = sizeBytes <= this.#maxBytes + mostAround;
    const whole = isKept && this.#begunBytes > 0 ? concat(this.#begun, rest, sizeBytes) : rest;
    const bytes = isKept ? trimmed(whole, number) : rest;
    this.#begun = [];
    this.#begunBytes = 0;
    if (isToldOf) return;
    const isTooLong = !isKept || bytes.length > this.#maxBytes;
    const end = !hasBreak ? "" : whole.at(-1) === cr ? "\r\n" : "\n";
    this.#give(bytes, { number, isTooLong, end: isTooLong ? "" : end }, take);
  }

  #give(bytes: Uint8Array, line: Omit<Line, "bytes">, take: (line: Line) => void): void {
    take({ ...line, bytes: line.isTooLong ? new Uint8Array(0) : bytes });
  }
}

function trimmed(bytes: Uint8Array, number: number): Uint8Array {
  const hasMark = number === 1 && byteOrderMark.every((byte, index) => bytes[index] === byte);
  return bytes.subarray(hasMark ? byteOrderMark.length : 0, bytes.at(-1) === cr ? bytes.length - 1 : bytes.length);
}

function concat(pieces: readonly Uint8Array[], rest: Uint8Array, sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of [...pieces, rest]) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
