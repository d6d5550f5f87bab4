/**
 * The answers of one HTTP/1.1 connection, from bytes in pieces of any size. Pure; what it holds is bounded whatever comes.
 *
 * begin → head (again after each informational one) → length | chunks | until the end of the connection → complete.
 * Chunks: size → [extension] → LF → data → CR → LF → size …; a size of 0 → trailers → complete.
 * Anything else is wrong, and stays so.
 */
import { ResponseHead } from "./http1-head.ts";

/** Told while an answer is fed. It may stop the parser from within. */
export interface ResponseSink<B extends Uint8Array> {
  /** The head of the answer itself, not of informational ones; its fields and those of the parser's `head` are the same. */
  onResponseHead(head: ResponseHead): void;
  /** `bytes[start, end)` is body. */
  onResponseBody(bytes: B, start: number, end: number): void;
}

const maxHeadBytes = 64 * 1024;
const maxExtensionBytes = 4096;
/** 13 hexadecimal digits are 52 bits. */
const maxSizeDigits = 13;
const maxInformational = 32;
/** A larger buffer for heads in pieces is not kept. */
const keptCarryBytes = 4096;

const cr = 0x0d;
const lf = 0x0a;
const idle = 0;
const inHead = 1;
const inLength = 2;
const untilClose = 3;
const inSize = 4;
const inExtension = 5;
const atSizeLf = 6;
const inChunk = 7;
const atChunkCr = 8;
const atChunkLf = 9;
const inTrailers = 10;
const complete = 11;
const failed = 12;

const noDigit = 255;
const hexValues = new Uint8Array(256).fill(noDigit);
for (const digit of "0123456789abcdefABCDEF") hexValues[digit.charCodeAt(0)] = Number.parseInt(digit, 16);
const noBytes = new Uint8Array(0);
const firstBytes = "HTTP/1.";

export class ResponseParser<B extends Uint8Array> {
  readonly head = new ResponseHead();
  /** What about the answer is not HTTP/1.1. */
  wrong: string | undefined;
  private readonly sink: ResponseSink<B>;
  private state = idle;
  /** Bytes of the body or the chunk still to come. */
  private left = 0;
  private sizeDigits = 0;
  private extensionBytes = 0;
  private informational = 0;
  /** How much of CR LF CR LF has been seen at the end of a block of lines. */
  private lineEnd = 0;
  /** Of the block of lines, so far. */
  private blockBytes = 0;
  /** The part of a head that came with earlier reads. */
  private carry: Uint8Array = noBytes;
  private carriedBytes = 0;

  constructor(sink: ResponseSink<B>) {
    this.sink = sink;
  }

  /** An answer is awaited: its first byte is the next one fed. */
  begin(): void {
    this.wrong = undefined;
    this.informational = 0;
    this.beginHead();
  }

  /** Nothing more is wanted of this answer. */
  stop(): void {
    this.state = idle;
  }

  /** The answer has come whole. */
  get isComplete(): boolean {
    return this.state === complete;
  }

  /** Whether an answer ends rightly where the connection does. */
  get endsWithConnection(): boolean {
    return this.state === untilClose;
  }

  /** Takes `bytes[0, end)`, up to the end of the answer, to what is wrong, or to `stop`. Returns how many it took. */
  feed(bytes: B, end: number): number {
    let at = 0;
    while (at < end) {
      switch (this.state) {
        case inHead:
          at = this.takeHead(bytes, at, end);
          break;
        case inLength:
          at = this.takeBody(bytes, at, end, complete);
          break;
        case inChunk:
          at = this.takeBody(bytes, at, end, atChunkCr);
          break;
        case untilClose:
          this.sink.onResponseBody(bytes, at, end);
          return end;
        case inSize:
          at = this.takeSize(bytes, at, end);
          break;
        case inExtension:
          at = this.takeExtension(bytes, at, end);
          break;
        case atSizeLf:
          at = this.take(lf, bytes, at, this.left === 0 ? inTrailers : inChunk);
          break;
        case atChunkCr:
          at = this.take(cr, bytes, at, atChunkLf);
          break;
        case atChunkLf:
          at = this.take(lf, bytes, at, inSize);
          break;
        case inTrailers:
          at = this.takeTrailers(bytes, at, end);
          break;
        default:
          return at;
      }
    }
    return at;
  }

  private beginHead(): void {
    this.state = inHead;
    this.lineEnd = 0;
    this.blockBytes = 0;
    this.carriedBytes = 0;
  }

  private takeHead(bytes: B, start: number, end: number): number {
    const blockEnd = this.findBlockEnd(bytes, start, end);
    if (this.state === failed) return start;
    if (blockEnd < 0) {
      this.carryOver(bytes, start, end);
      const known = Math.min(firstBytes.length, this.carriedBytes);
      for (let at = 0; at < known; at++) {
        if (this.carry[at] !== firstBytes.charCodeAt(at)) this.fail("it does not begin with HTTP/1.0 or HTTP/1.1");
      }
      return end;
    }
    if (this.carriedBytes === 0) this.headCame(this.head.read(bytes, start, blockEnd));
    else {
      this.carryOver(bytes, start, blockEnd);
      this.headCame(this.head.read(this.carry, 0, this.carriedBytes));
      if (this.carry.length > keptCarryBytes) this.carry = noBytes;
    }
    return blockEnd;
  }

  private headCame(wrong: string | undefined): void {
    if (wrong !== undefined) {
      this.fail(wrong);
      return;
    }
    const { head } = this;
    if (head.status < 200) {
      this.informed(head.status);
      return;
    }
    const { status, lengthBytes } = head;
    if (status === 204 || status === 304 || lengthBytes === 0) this.state = complete;
    else if (head.isChunked) this.beginChunks();
    else if (lengthBytes !== undefined) {
      this.state = inLength;
      this.left = lengthBytes;
    } else {
      this.state = untilClose;
      head.isKept = false;
    }
    this.sink.onResponseHead(head);
  }

  private informed(status: number): void {
    if (status === 101) this.fail("it switches to another protocol (101), which was not asked for");
    else if (++this.informational > maxInformational) this.fail(`it has more than ${maxInformational} informational heads`);
    else this.beginHead();
  }

  private beginChunks(): void {
    this.state = inSize;
    this.left = 0;
    this.sizeDigits = 0;
    this.extensionBytes = 0;
    this.lineEnd = 2;
    this.blockBytes = 0;
  }

  /** The state is the next one before the sink is told, since that may stop the parser. */
  private takeBody(bytes: B, start: number, end: number, then: number): number {
    const stop = Math.min(end, start + this.left);
    this.left -= stop - start;
    if (this.left === 0) {
      this.state = then;
      this.sizeDigits = 0;
      this.extensionBytes = 0;
    }
    this.sink.onResponseBody(bytes, start, stop);
    return stop;
  }

  private takeSize(bytes: B, start: number, end: number): number {
    let at = start;
    for (let digit = noDigit; at < end; at++) {
      const byte = bytes[at] as number;
      digit = hexValues[byte] as number;
      if (digit === noDigit) {
        if (this.sizeDigits === 0) this.fail("the size of a chunk is no hexadecimal number");
        else if (byte === cr) this.state = atSizeLf;
        else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.state = inExtension;
        else this.fail("the size of a chunk is no hexadecimal number");
        return at + 1;
      }
      this.left = this.left * 16 + digit;
      if (++this.sizeDigits > maxSizeDigits) this.fail("the size of a chunk is too large");
      if (this.state === failed) return at;
    }
    return at;
  }

  private takeExtension(bytes: B, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === cr) {
        this.state = atSizeLf;
        return at + 1;
      }
      if (byte === lf) this.fail("a line of a chunk ends without CR");
      else if (++this.extensionBytes > maxExtensionBytes) this.fail("the extension of a chunk is too long");
      if (this.state === failed) return at;
    }
    return end;
  }

  private take(expected: number, bytes: B, at: number, then: number): number {
    if (bytes[at] === expected) this.state = then;
    else this.fail("a chunk does not end where its size says");
    return at + 1;
  }

  private takeTrailers(bytes: B, start: number, end: number): number {
    const blockEnd = this.findBlockEnd(bytes, start, end);
    if (this.state === failed || blockEnd < 0) return end;
    this.state = complete;
    return blockEnd;
  }

  /** Behind the empty line that ends a block of lines; -1: it has not come. */
  private findBlockEnd(bytes: B, start: number, end: number): number {
    const limit = Math.min(end, start + maxHeadBytes - this.blockBytes);
    let { lineEnd } = this;
    for (let at = start; at < limit; at++) {
      const byte = bytes[at] as number;
      if (byte === cr) lineEnd = lineEnd === 2 ? 3 : lineEnd === 0 ? 1 : 4;
      else if (byte === lf) lineEnd = lineEnd === 1 ? 2 : lineEnd === 3 ? 5 : 4;
      else lineEnd = lineEnd === 0 || lineEnd === 2 ? 0 : 4;
      if (lineEnd < 4) continue;
      if (lineEnd === 5) return at + 1;
      this.fail("a line does not end with CR LF");
      return -1;
    }
    this.lineEnd = lineEnd;
    this.blockBytes += limit - start;
    if (limit < end || this.blockBytes >= maxHeadBytes) this.fail(`its headers are longer than ${maxHeadBytes} bytes`);
    return -1;
  }

  private carryOver(bytes: B, start: number, end: number): void {
    const needed = this.carriedBytes + end - start;
    if (needed > this.carry.length) {
      const grown = new Uint8Array(Math.max(1024, needed, 2 * this.carry.length));
      grown.set(this.carry.subarray(0, this.carriedBytes));
      this.carry = grown;
    }
    this.carry.set(bytes.subarray(start, end), this.carriedBytes);
    this.carriedBytes = needed;
  }

  private fail(wrong: string): void {
    this.state = failed;
    this.wrong ??= wrong;
  }
}
