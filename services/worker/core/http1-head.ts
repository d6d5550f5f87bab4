/** The head of an HTTP/1.1 answer, read in place. Pure. */
import { copyOf } from "../../common/copy-of.ts";

/** By name in lower case; a name that came several times has all its values. */
export type HeaderTable = Record<string, string | string[]>;

const cr = 0x0d;
const tab = 0x09;
const space = 0x20;
const colon = 0x3a;
const zero = 0x30;
const nine = 0x39;
/** A body of more bytes is not believed: 15 digits are exact in a double. */
const maxLengthDigits = 15;
/** Of a header, so many are remembered. */
const maxKnownValues = 8;
const maxKnownBytes = 256;

/** Characters of a token (RFC 9110, 5.6.2), by code. */
const isToken = tableOf("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
const versionStart = bytesOf("HTTP/1.");
const contentType = bytesOf("content-type");
const contentLength = bytesOf("content-length");
const transferEncoding = bytesOf("transfer-encoding");
const connection = bytesOf("connection");
const keepAlive = bytesOf("keep-alive");
const chunked = bytesOf("chunked");

/**
 * One object serves all answers of a connection, one after the other: its fields hold until the next `read`.
 */
export class ResponseHead {
  status = 0;
  /** As it came; empty: none. */
  contentType = "";
  /** Of the body, as announced; undefined: not announced. */
  lengthBytes: number | undefined;
  isChunked = false;
  /** The connection may carry another request afterwards. */
  isKept = true;
  /** How long the target will keep it; undefined: not said. */
  keptSec: number | undefined;
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;

  /**
   * Reads `bytes[start, end)`: whole lines, each ended by CR LF, with no other CR or LF in them, the last one empty. Returns what
   * is wrong, or undefined.
   */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    const version = bytes[start + 7];
    const isLine =
      startsWith(bytes, start, versionStart) && (version === zero || version === zero + 1) && bytes[start + 8] === space;
    if (!isLine) return "it does not begin with HTTP/1.0 or HTTP/1.1";
    const status = digitsOf(bytes, start + 9, start + 12);
    const behind = bytes[start + 12];
    if (status === undefined || status < 100 || (behind !== space && behind !== cr))
      return "its status is no number of three digits";
    this.status = status;
    this.contentType = "";
    this.lengthBytes = undefined;
    this.isChunked = false;
    this.isKept = version !== zero;
    this.keptSec = undefined;
    this.bytes = bytes;
    let at = start + 12;
    while (bytes[at] !== cr) at++;
    this.start = at + 2;
    return this.readFields(at + 2, end);
  }

  /** All of them. Valid while the bytes that were read are. */
  headers(): HeaderTable {
    const { bytes } = this;
    // Without a prototype: no name is taken.
    const table: HeaderTable = Object.create(null);
    for (let at = this.start; bytes[at] !== cr; at += 2) {
      const start = at;
      while (bytes[at] !== colon) at++;
      const name = textOf(bytes, start, at).toLowerCase();
      const valueStart = at + 1;
      while (bytes[at] !== cr) at++;
      const value = textOf(bytes, valueStart, at).trim();
      const known = table[name];
      table[name] = known === undefined ? value : typeof known === "string" ? [known, value] : [...known, value];
    }
    return table;
  }

  private readFields(start: number, end: number): string | undefined {
    const { bytes } = this;
    let at = start;
    while (at < end && bytes[at] !== cr) {
      const nameStart = at;
      while (isToken[bytes[at] as number] === 1) at++;
      if (at === nameStart || bytes[at] !== colon) return "a header has no name";
      const nameEnd = at++;
      while (bytes[at] === space || bytes[at] === tab) at++;
      const valueStart = at;
      for (let byte = bytes[at] as number; byte !== cr; byte = bytes[++at] as number) {
        if ((byte < space && byte !== tab) || byte === 0x7f) return "a header has a control character in it";
      }
      let valueEnd = at;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--;
      const wrong = this.readField(nameStart, nameEnd, valueStart, valueEnd);
      if (wrong !== undefined) return wrong;
      at += 2;
    }
    return this.isChunked && this.lengthBytes !== undefined ? "it has a length and is chunked" : undefined;
  }

  /** Looks at a name's characters only where its length is one of those that matter. */
  private readField(nameStart: number, nameEnd: number, start: number, end: number): string | undefined {
    const { bytes } = this;
    switch (nameEnd - nameStart) {
      case contentType.length:
        if (startsWith(bytes, nameStart, contentType)) this.contentType = contentTypes.of(bytes, start, end);
        return undefined;
      case contentLength.length:
        return startsWith(bytes, nameStart, contentLength) ? this.readLength(start, end) : undefined;
      case transferEncoding.length:
        return startsWith(bytes, nameStart, transferEncoding) ? this.readCoding(start, end) : undefined;
      case connection.length:
        if (startsWith(bytes, nameStart, connection)) this.readConnection(start, end);
        else if (startsWith(bytes, nameStart, keepAlive)) this.keptSec = keptTimes.of(bytes, start, end);
        return undefined;
      default:
        return undefined;
    }
  }

  private readLength(start: number, end: number): string | undefined {
    if (this.lengthBytes !== undefined) return "it has two lengths";
    if (end - start > maxLengthDigits) return "its length is too large";
    this.lengthBytes = digitsOf(this.bytes, start, end);
    return this.lengthBytes === undefined ? "its length is no number" : undefined;
  }

  private readCoding(start: number, end: number): string | undefined {
    if (this.isChunked) return "it is chunked and coded once more";
    if (end - start === chunked.length && startsWith(this.bytes, start, chunked)) {
      this.isChunked = true;
      return undefined;
    }
    const codings = tokensOf(this.bytes, start, end);
    const at = codings.indexOf("chunked");
    if (at >= 0 && at < codings.length - 1) return "it is chunked and coded once more";
    this.isChunked = at >= 0;
    return undefined;
  }

  private readConnection(start: number, end: number): void {
    if (end - start === keepAlive.length && startsWith(this.bytes, start, keepAlive)) {
      this.isKept = true;
      return;
    }
    const options = tokensOf(this.bytes, start, end);
    if (options.includes("close")) this.isKept = false;
    else if (options.includes("keep-alive")) this.isKept = true;
  }
}

/** What values of a header mean that come again and again, on all connections: read once, and the same object each time. */
class RepeatedValues<Value> {
  private readonly read: (text: string) => Value;
  private readonly known: { readonly bytes: Uint8Array; readonly value: Value }[] = [];
  private next = 0;

  constructor(read: (text: string) => Value) {
    this.read = read;
  }

  of(bytes: Uint8Array, start: number, end: number): Value {
    for (const { bytes: seen, value } of this.known) {
      if (seen.length === end - start && isSame(bytes, start, seen)) return value;
    }
    const value = this.read(textOf(bytes, start, end));
    if (end - start > maxKnownBytes) return value;
    this.known[this.next] = { bytes: copyOf(bytes, start, end), value };
    this.next = (this.next + 1) % maxKnownValues;
    return value;
  }
}

const contentTypes = new RepeatedValues((text) => text);
const keptTimes = new RepeatedValues((text) => {
  const sec = /(?:^|[,;\s])timeout\s*=\s*"?(\d{1,9})/i.exec(text)?.[1];
  return sec === undefined ? undefined : Number(sec);
});

/** Latin-1, as headers are. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

function tokensOf(bytes: Uint8Array, start: number, end: number): string[] {
  return textOf(bytes, start, end)
    .toLowerCase()
    .split(",")
    .map((token) => token.trim());
}

function digitsOf(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (start === end) return undefined;
  let value = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < zero || byte > nine) return undefined;
    value = value * 10 + byte - zero;
  }
  return value;
}

function isSame(bytes: Uint8Array, start: number, other: Uint8Array): boolean {
  for (let index = 0; index < other.length; index++) if (bytes[start + index] !== other[index]) return false;
  return true;
}

/** Without regard to case, but for the digits and signs of `lower`, which have none. */
function startsWith(bytes: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let index = 0; index < lower.length; index++) {
    const byte = bytes[start + index] as number;
    const wanted = lower[index] as number;
    if (byte !== wanted && !(byte >= 0x41 && byte <= 0x5a && byte + 0x20 === wanted)) return false;
  }
  return true;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytesOf(characters)) table[byte] = 1;
  return table;
}
