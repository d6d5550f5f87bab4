/**
 * Protobuf's wire format by hand, for the messages of which there are too many to make an object of each. Lengths of messages and
 * texts are varints of a fixed width, which every decoder accepts, so that they can be filled in afterwards.
 */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { AssayError, messageOf } from "./errors.ts";

/** Bytes of a length that is filled in afterwards. */
export const lengthWidth = 4;
/** The longest that such a length can say. */
export const maxLength = 2 ** (7 * lengthWidth) - 1;

const shortLength = 40;

/** Writes fields one after the other into one buffer, which the caller keeps large enough by `reserve`. */
export class WireWriter {
  buffer: Buffer;
  /** Bytes written. */
  end = 0;
  private view: DataView;

  /** Writes from the start of `buffer`, which it owns from then on. */
  constructor(buffer: Buffer) {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }

  /** Makes room for `needed` bytes more, in a larger buffer where this one is too small. Throws `resource_exhausted` beyond `maxLength`. */
  reserve(needed: number): void {
    if (this.end + needed <= this.buffer.length) return;
    if (this.end + needed > maxLength) {
      throw new AssayError("resource_exhausted", `a record of up to ${needed} bytes does not fit a batch of ${this.end}`);
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.end + needed));
    this.buffer.copy(grown, 0, 0, this.end);
    this.buffer = grown;
    this.view = viewOf(grown);
  }

  /** Begins a message within the message; give what it returns to `close`. */
  open(number: number): number {
    this.tag(number, 2);
    this.end += lengthWidth;
    return this.end;
  }

  close(opened: number): void {
    writeFixedVarint(this.buffer, opened - lengthWidth, this.end - opened, lengthWidth);
  }

  /** Fields that hold 0, false or nothing are not written, but for `optionalDouble`. */
  uint(number: number, value: number): void {
    if (value === 0) return;
    this.tag(number, 0);
    this.varint(value);
  }

  bool(number: number, value: boolean): void {
    if (!value) return;
    this.tag(number, 0);
    this.buffer[this.end++] = 1;
  }

  /** As `bool` with false, written: it takes back what an earlier field of that number says. */
  falseValue(number: number): void {
    this.tag(number, 0);
    this.buffer[this.end++] = 0;
  }

  double(number: number, value: number): void {
    if (value !== 0) this.optionalDouble(number, value);
  }

  /** Undefined is not written; 0 is. */
  optionalDouble(number: number, value: number | undefined): void {
    if (value === undefined) return;
    this.tag(number, 1);
    this.view.setFloat64(this.end, value, true);
    this.end += 8;
  }

  /** A packed repeated field. */
  doubles(number: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    this.tag(number, 2);
    this.varint(8 * values.length);
    for (let index = 0; index < values.length; index++) {
      this.view.setFloat64(this.end, values[index] as number, true);
      this.end += 8;
    }
  }

  /** A packed repeated field. */
  uints(number: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const opened = this.open(number);
    for (const value of values) this.varint(value);
    this.close(opened);
  }

  text(number: number, value: string): void {
    if (value === "") return;
    const opened = this.open(number);
    if (!this.shortAscii(value)) this.end += this.buffer.write(value, this.end, "utf8");
    this.close(opened);
  }

  bytes(number: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.tag(number, 2);
    this.varint(value.length);
    this.buffer.set(value, this.end);
    this.end += value.length;
  }

  /** Bytes that are fields already. */
  fields(encoded: Uint8Array): void {
    this.buffer.set(encoded, this.end);
    this.end += encoded.length;
  }

  /** Writes a name or an id, for which a call into native code costs more than its characters; false, nothing written: another text. */
  private shortAscii(value: string): boolean {
    if (value.length > shortLength) return false;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      this.buffer[this.end + index] = code;
    }
    this.end += value.length;
    return true;
  }

  private tag(number: number, wireType: number): void {
    this.varint((number << 3) | wireType);
  }

  private varint(value: number): void {
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.buffer[this.end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.buffer[this.end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.end++] = rest;
  }
}

/** Weight of a tenth byte of a varint, which is the last that protobuf allows. */
const maxScale = 128 ** 9;

/** Reads fields one after the other. Throws `invalid_argument` where the bytes end early or say what no writer says. */
export class WireReader {
  at = 0;
  private readonly buffer: Buffer;
  private readonly view: DataView;
  private readonly end: number;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
    this.view = viewOf(buffer);
    this.end = buffer.length;
  }

  tag(): number {
    const tag = this.varint();
    if (tag < 8) throw malformed("a field has the number 0");
    return tag;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buffer[this.at++];
      if (byte === undefined) throw malformed("a varint ends early");
      if (byte < 0x80) return scale === 1 ? byte : value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (scale > maxScale) throw malformed("a varint is longer than ten bytes");
    }
  }

  /** A message within the message must end where its length said. */
  expectEnd(end: number): void {
    if (this.at !== end) throw malformed(`a message that ends at byte ${end} has a field that ends at byte ${this.at}`);
  }

  /** Reads a length and returns where what follows it ends. */
  length(): number {
    const length = this.varint();
    if (this.at + length > this.end) throw malformed(`a field of ${length} bytes ends after the message`);
    return this.at + length;
  }

  double(): number {
    if (this.at + 8 > this.end) throw malformed("a double ends early");
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  /** A packed repeated field. */
  doubles(): number[] {
    const end = this.length();
    const sizeBytes = end - this.at;
    if (sizeBytes % 8 !== 0) throw malformed(`packed doubles take ${sizeBytes} bytes`);
    const values = new Array<number>(sizeBytes / 8);
    for (let index = 0; index < values.length; index++) values[index] = this.view.getFloat64(this.at + 8 * index, true);
    this.at = end;
    return values;
  }

  text(): string {
    const end = this.length();
    const value = this.buffer.toString("utf8", this.at, end);
    this.at = end;
    return value;
  }

  /** As `text`, for one that is mostly the same from message to message: gives back `likely` where it is that. */
  textLike(likely: string): string {
    const start = this.at;
    const end = this.length();
    if (end - this.at === likely.length && this.isAscii(likely)) {
      this.at = end;
      return likely;
    }
    this.at = start;
    return this.text();
  }

  /** A view. */
  bytes(): Uint8Array {
    const end = this.length();
    const value = this.buffer.subarray(this.at, end);
    this.at = end;
    return value;
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 2) this.at = this.length();
    else if (wireType === 5) this.at += 4;
    else throw malformed(`wire type ${wireType}`);
  }

  /** Whether this text, of ASCII only, comes next. */
  private isAscii(text: string): boolean {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f || this.buffer[this.at + index] !== code) return false;
    }
    return true;
  }
}

/** A message of the generated code. Throws `invalid_argument` for bytes that are none. */
export function readMessage<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformed(messageOf(error), error);
  }
}

/** Why bytes are refused. */
export function malformed(what: string, cause?: unknown): AssayError {
  return new AssayError("invalid_argument", `message is malformed: ${what}`, { cause });
}

/** A varint of `width` bytes, whatever its value. */
export function writeFixedVarint(target: Uint8Array, at: number, value: number, width: number): void {
  let rest = value;
  for (let index = 0; index < width - 1; index++) {
    target[at + index] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at + width - 1] = rest & 0x7f;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
