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
  /** It has more bytes than are taken; `bytes` is empty. */
  readonly isTooLong: boolean;
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
      this.#finish(piece.subarray(start, end), take);
      start = end + 1;
    }
    if (start === piece.length) return;
    this.#begunBytes += piece.length - start;
    // Of a line that is not taken nothing is kept but its length. The piece may be reused by whoever reads.
    if (this.#begunBytes > this.#maxBytes + mostAround) this.#begun = [];
    else this.#begun.push(new Uint8Array(piece.subarray(start)));
  }

  /** The file is over. */
  end(take: (line: Line) => void): void {
    if (this.#begunBytes > 0) this.#finish(new Uint8Array(0), take);
  }

  #finish(rest: Uint8Array, take: (line: Line) => void): void {
    const number = ++this.#number;
    const sizeBytes = this.#begunBytes + rest.length;
    const isKept = sizeBytes <= this.#maxBytes + mostAround;
    const bytes = isKept ? trimmed(this.#begunBytes === 0 ? rest : concat(this.#begun, rest, sizeBytes), number) : rest;
    this.#begun = [];
    this.#begunBytes = 0;
    const isTooLong = !isKept || bytes.length > this.#maxBytes;
    take({ number, bytes: isTooLong ? new Uint8Array(0) : bytes, isTooLong });
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
