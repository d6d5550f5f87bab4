/**
 * Reads blocks of headers (HPACK, RFC 7541). One for each connection: a block refers to what earlier ones said. Blocks that come again
 * while nothing was added between them are known by their bytes: servers say the same of nearly every answer. Pure.
 */
import { decodeHuffman } from "./hpack-huffman.ts";
import { entryBytes, staticTable, usualTableBytes } from "./hpack-static.ts";

/** The same object for the same block: nobody changes it. */
export interface DecodedHeaders {
  /** 0: there is none, as in trailers. */
  readonly status: number;
  /** By name; what came more often is joined as in HTTP/1.1. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/** A block that cannot be read; its connection cannot go on. */
export class HpackError extends Error {}

interface KnownBlock {
  readonly bytes: Uint8Array;
  readonly changes: number;
  readonly decoded: DecodedHeaders;
}

const maxKnownBlocks = 4;
const maxKnownBytes = 512;
const maxIntegerBytes = 5;

export class HeaderDecoder {
  /** The newest is the last. */
  private readonly table: (readonly [string, string])[] = [];
  private tableBytes = 0;
  private limitBytes = usualTableBytes;
  /** How often the table was changed. */
  private changes = 0;
  private readonly known: KnownBlock[] = [];
  private nextKnown = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;

  /** @throws HpackError */
  decode(bytes: Uint8Array, start: number, end: number): DecodedHeaders {
    for (const block of this.known) {
      if (block.changes === this.changes && isSame(bytes, start, end, block.bytes)) return block.decoded;
    }
    const { changes } = this;
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    const decoded = this.readFields();
    if (changes === this.changes && end - start <= maxKnownBytes) {
      this.known[this.nextKnown] = { bytes: bytes.slice(start, end), changes, decoded };
      this.nextKnown = (this.nextKnown + 1) % maxKnownBlocks;
    }
    return decoded;
  }

  private readFields(): DecodedHeaders {
    const headers: Record<string, string | string[]> = {};
    let status = 0;
    let hasBegun = false;
    while (this.at < this.end) {
      const first = this.bytes[this.at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (hasBegun) throw new HpackError("the size of the table changes within a block");
        this.resize(this.readInteger(5));
        continue;
      }
      hasBegun = true;
      const [name, value] = this.readField(first);
      if (name === ":status") {
        if (status !== 0 || !/^[1-9]\d\d$/.test(value)) throw new HpackError("its status is none");
        status = Number(value);
      } else if (name.startsWith(":")) throw new HpackError(`an answer has no ${JSON.stringify(name)}`);
      else add(headers, name, value);
    }
    return { status, headers };
  }

  private readField(first: number): readonly [string, string] {
    if ((first & 0x80) !== 0) return this.entry(this.readInteger(7));
    const isKept = (first & 0x40) !== 0;
    const index = this.readInteger(isKept ? 6 : 4);
    const name = index === 0 ? this.readText() : this.entry(index)[0];
    const field = [name, this.readText()] as const;
    if (isKept) this.keep(field);
    return field;
  }

  private entry(index: number): readonly [string, string] {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.table.at(staticTable.length - index);
    if (entry === undefined || index - staticTable.length > this.table.length)
      throw new HpackError(`there is no header ${index}`);
    return entry;
  }

  private keep(field: readonly [string, string]): void {
    this.changes++;
    this.table.push(field);
    this.tableBytes += entryBytes(...field);
    this.evict();
  }

  private resize(sizeBytes: number): void {
    if (sizeBytes > usualTableBytes) throw new HpackError(`a table of ${sizeBytes} bytes was not offered`);
    this.changes++;
    this.limitBytes = sizeBytes;
    this.evict();
  }

  private evict(): void {
    while (this.tableBytes > this.limitBytes) {
      const oldest = this.table.shift();
      if (oldest === undefined) return;
      this.tableBytes -= entryBytes(...oldest);
    }
  }

  /** RFC 7541, section 5.1. */
  private readInteger(prefixBits: number): number {
    const full = (1 << prefixBits) - 1;
    let value = (this.bytes[this.at++] ?? 0) & full;
    if (value < full) return value;
    for (let index = 0; index < maxIntegerBytes; index++) {
      if (this.at >= this.end) throw new HpackError("it ends within a number");
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if ((byte & 0x80) === 0) return value;
    }
    throw new HpackError("a number in it is too large");
  }

  private readText(): string {
    if (this.at >= this.end) throw new HpackError("it ends within a header");
    const isCoded = ((this.bytes[this.at] ?? 0) & 0x80) !== 0;
    const length = this.readInteger(7);
    const start = this.at;
    this.at += length;
    if (this.at > this.end) throw new HpackError("it ends within a header");
    const text = isCoded ? decodeHuffman(this.bytes, start, this.at) : latin1(this.bytes, start, this.at);
    if (text === undefined) throw new HpackError("a text in it is not coded as RFC 7541 has it");
    return text;
  }
}

function add(headers: Record<string, string | string[]>, name: string, value: string): void {
  // A key of an object that is no header, as `__proto__`, would not come back as one.
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || name === "__proto__")
    throw new HpackError(`${JSON.stringify(name)} is no header`);
  const before = headers[name];
  if (before === undefined) headers[name] = name === "set-cookie" ? [value] : value;
  else if (Array.isArray(before)) before.push(value);
  else headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

function isSame(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let index = 0; index < other.length; index++) if (bytes[start + index] !== other[index]) return false;
  return true;
}
