/**
 * What blocks of headers say of answers. One for each connection. Blocks that come again while nothing was added to the table between them
 * are known by their bytes: servers say the same of nearly every answer. Pure.
 */
import { copyOf } from "../../../common/copy-of.ts";
import { FieldReader, HpackError } from "./hpack-fields.ts";

/** The same object for the same block: nobody changes it. */
export interface DecodedHeaders {
  /** 0: there is none, as in trailers. */
  readonly status: number;
  /** By name; what came more often is joined as in HTTP/1.1. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

interface KnownBlock {
  readonly bytes: Uint8Array;
  readonly changes: number;
  readonly decoded: DecodedHeaders;
}

const maxKnownBlocks = 4;
const maxKnownBytes = 512;

export class HeaderDecoder {
  private readonly fields = new FieldReader();
  private readonly known: KnownBlock[] = [];
  private nextKnown = 0;

  /** @throws HpackError */
  decode(bytes: Uint8Array, start: number, end: number): DecodedHeaders {
    const { changes } = this.fields;
    for (const block of this.known) {
      if (block.changes === changes && isSame(bytes, start, end, block.bytes)) return block.decoded;
    }
    this.fields.begin(bytes, start, end);
    const decoded = this.readAll();
    if (changes === this.fields.changes && end - start <= maxKnownBytes) {
      this.known[this.nextKnown] = { bytes: copyOf(bytes, start, end), changes, decoded };
      this.nextKnown = (this.nextKnown + 1) % maxKnownBlocks;
    }
    return decoded;
  }

  private readAll(): DecodedHeaders {
    const headers: Record<string, string | string[]> = {};
    let status = 0;
    for (let field = this.fields.next(); field !== undefined; field = this.fields.next()) {
      const [name, value] = field;
      if (name === ":status") {
        if (status !== 0 || !/^[1-9]\d\d$/.test(value)) throw new HpackError("its status is none");
        status = Number(value);
      } else if (name.startsWith(":")) throw new HpackError(`an answer has no ${JSON.stringify(name)}`);
      else add(headers, name, value);
    }
    return { status, headers };
  }
}

function add(headers: Record<string, string | string[]>, name: string, value: string): void {
  // A key of an object that is no header, as `__proto__`, would not come back as one.
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || name === "__proto__")
    throw new HpackError(`${JSON.stringify(name)} is no header`);
  if (/[\0\r\n]/.test(value)) throw new HpackError(`the value of ${name} has more than one line`);
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (before === undefined) headers[name] = name === "set-cookie" ? [value] : value;
  else if (Array.isArray(before)) before.push(value);
  else headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
}

function isSame(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let index = 0; index < other.length; index++) if (bytes[start + index] !== other[index]) return false;
  return true;
}
