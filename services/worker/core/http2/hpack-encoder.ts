/**
 * Writes blocks of headers (HPACK, RFC 7541). One for each connection. What many requests share goes into the table of the other side with
 * the first of them and is a byte a header from then on; what a request has for itself goes out as it is, its name from the table. No string
 * is compressed: that would cost this side more than the bytes cost. Pure.
 */
import { entryBytes, staticTable, usualTableBytes } from "./hpack-static.ts";

/** Name in lower case, value, name, value; the names that begin with a colon first. Latin-1. */
export type HeaderPairs = readonly string[];

interface KnownBlock {
  readonly changes: number;
  readonly bytes: Uint8Array;
}

const maxKnownBlocks = 16;
const staticFields = new Map(staticTable.map(([name, value], index) => [keyOf(name, value), index + 1]));
/** The first of each name. */
const staticNames = new Map(staticTable.map(([name], index) => [name, index + 1] as const).reverse());

export class HeaderEncoder {
  /** By field, and by name: the number of the entry, counted from 1 since the connection began. */
  private readonly fields = new Map<string, number>();
  private readonly names = new Map<string, number>();
  private readonly entries: { readonly name: string; readonly key: string; readonly sizeBytes: number }[] = [];
  private evicted = 0;
  private tableBytes = 0;
  private limitBytes = usualTableBytes;
  /** The smallest limit that the other side has not been told yet that it is kept. */
  private untoldBytes: number | undefined;
  private changes = 0;
  private readonly known = new Map<HeaderPairs, KnownBlock>();
  private out = new Uint8Array(1024);
  private at = 0;

  /** What the other side's table may hold. */
  limit(sizeBytes: number): void {
    const limitBytes = Math.min(sizeBytes, usualTableBytes);
    if (limitBytes === this.limitBytes) return;
    this.untoldBytes = Math.min(this.untoldBytes ?? limitBytes, limitBytes);
    this.limitBytes = limitBytes;
    this.changes++;
    while (this.tableBytes > limitBytes) this.evict();
  }

  /**
   * The block of a request; valid until the next call.
   * @param shared known by itself: the same array is the same headers
   * @param own of this request alone
   */
  encode(shared: HeaderPairs, own: HeaderPairs): Uint8Array {
    this.at = 0;
    this.tellLimit();
    this.putShared(shared);
    for (let index = 0; index < own.length; index += 2) this.putOwn(own[index] ?? "", own[index + 1] ?? "");
    return this.out.subarray(0, this.at);
  }

  private tellLimit(): void {
    if (this.untoldBytes === undefined) return;
    this.putInteger(0x20, 5, this.untoldBytes);
    if (this.limitBytes !== this.untoldBytes) this.putInteger(0x20, 5, this.limitBytes);
    this.untoldBytes = undefined;
  }

  private putShared(shared: HeaderPairs): void {
    const block = this.known.get(shared);
    if (block?.changes === this.changes) {
      this.reserve(block.bytes.length);
      this.out.set(block.bytes, this.at);
      this.at += block.bytes.length;
      return;
    }
    const start = this.at;
    const { changes } = this;
    for (let index = 0; index < shared.length; index += 2) this.putSharedField(shared[index] ?? "", shared[index + 1] ?? "");
    if (this.changes !== changes) return;
    if (this.known.size >= maxKnownBlocks) this.known.clear();
    this.known.set(shared, { changes, bytes: this.out.slice(start, this.at) });
  }

  private putSharedField(name: string, value: string): void {
    const key = keyOf(name, value);
    const index = staticFields.get(key) ?? this.indexOf(this.fields.get(key));
    if (index !== undefined) this.putInteger(0x80, 7, index);
    else this.putLiteral(name, value, this.hasRoom(name, value));
  }

  /** Its value will not come again; its name will, and is put into the table with the first value. */
  private putOwn(name: string, value: string): void {
    const isNew = this.nameIndex(name) === undefined;
    this.putLiteral(name, value, isNew && this.hasRoom(name, value));
  }

  private putLiteral(name: string, value: string, isKept: boolean): void {
    const index = this.nameIndex(name);
    this.putInteger(isKept ? 0x40 : 0, isKept ? 6 : 4, index ?? 0);
    if (index === undefined) this.putText(name);
    this.putText(value);
    if (isKept) this.keep(name, value);
  }

  private nameIndex(name: string): number | undefined {
    return staticNames.get(name) ?? this.indexOf(this.names.get(name));
  }

  /** Of the entry with this number, as of now. */
  private indexOf(number: number | undefined): number | undefined {
    return number === undefined ? undefined : staticTable.length + 1 + this.evicted + this.entries.length - number;
  }

  /** Nothing is put out of the table for something new. */
  private hasRoom(name: string, value: string): boolean {
    return this.tableBytes + entryBytes(name, value) <= this.limitBytes;
  }

  private keep(name: string, value: string): void {
    const key = keyOf(name, value);
    this.entries.push({ name, key, sizeBytes: entryBytes(name, value) });
    this.tableBytes += entryBytes(name, value);
    const number = this.evicted + this.entries.length;
    this.fields.set(key, number);
    this.names.set(name, number);
    this.changes++;
  }

  private evict(): void {
    const entry = this.entries.shift();
    if (entry === undefined) return;
    const number = ++this.evicted;
    this.tableBytes -= entry.sizeBytes;
    if (this.fields.get(entry.key) === number) this.fields.delete(entry.key);
    if (this.names.get(entry.name) === number) this.names.delete(entry.name);
  }

  private putText(text: string): void {
    this.putInteger(0, 7, text.length);
    this.reserve(text.length);
    for (let index = 0; index < text.length; index++) this.out[this.at++] = text.charCodeAt(index);
  }

  /** RFC 7541, section 5.1. */
  private putInteger(pattern: number, prefixBits: number, value: number): void {
    this.reserve(6);
    const full = (1 << prefixBits) - 1;
    if (value < full) {
      this.out[this.at++] = pattern | value;
      return;
    }
    this.out[this.at++] = pattern | full;
    let rest = value - full;
    for (; rest >= 0x80; rest >>>= 7) this.out[this.at++] = (rest & 0x7f) | 0x80;
    this.out[this.at++] = rest;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.out.length) return;
    const larger = new Uint8Array(Math.max(this.out.length * 2, this.at + bytes));
    larger.set(this.out);
    this.out = larger;
  }
}

function keyOf(name: string, value: string): string {
  return `${name}\0${value}`;
}
