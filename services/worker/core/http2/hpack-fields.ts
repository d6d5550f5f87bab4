/** Reads the fields of blocks of headers (HPACK, RFC 7541). One for each connection: a block refers to what earlier ones said. Pure. */
import { decodeHuffman } from "./hpack-huffman.ts";
import { entryBytes, staticTable, usualTableBytes } from "./hpack-static.ts";

/** Name and value, in Latin-1. */
export type HeaderField = readonly [name: string, value: string];

/** A block that cannot be read; its connection cannot go on. */
export class HpackError extends Error {}

const maxIntegerBytes = 5;

export class FieldReader {
  /** How often the table was changed. */
  changes = 0;
  /** The newest is the last. */
  private readonly table: HeaderField[] = [];
  private tableBytes = 0;
  private limitBytes = usualTableBytes;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private hasBegun = false;

  /** Of the block `bytes[start, end)`, which `next` reads. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.hasBegun = false;
  }

  /** Undefined: there is no other. @throws HpackError */
  next(): HeaderField | undefined {
    while (this.at < this.end) {
      const first = this.bytes[this.at] ?? 0;
      if ((first & 0xe0) !== 0x20) {
        this.hasBegun = true;
        return this.readField(first);
      }
      if (this.hasBegun) throw new HpackError("the size of the table changes within a block");
      this.resize(this.readInteger(5));
    }
    return undefined;
  }

  private readField(first: number): HeaderField {
    if ((first & 0x80) !== 0) return this.entry(this.readInteger(7));
    const isKept = (first & 0x40) !== 0;
    const index = this.readInteger(isKept ? 6 : 4);
    const name = index === 0 ? this.readText() : this.entry(index)[0];
    const field = [name, this.readText()] as const;
    if (isKept) this.keep(field);
    return field;
  }

  private entry(index: number): HeaderField {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.table.at(staticTable.length - index);
    if (entry === undefined) throw new HpackError(`there is no header ${index}`);
    return entry;
  }

  private keep(field: HeaderField): void {
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

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}
