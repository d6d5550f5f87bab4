/**
 * A column of a chunk of rows as bytes, exact: whole numbers, and milliseconds of whole nanoseconds, as their difference to the least of them in
 * as few bytes as these take, others as doubles. NaN is no value. Little-endian, as every host that Node runs on.
 *
 * Byte 0: bytes of a number (0: all have the same value); 1: 1 where numbers are in millionths; 4 to 7: how many there are; 8 to 15: the
 * least of them, a double; then the numbers; then, of a column of texts, the texts that they stand for, as a JSON array.
 */
import { AssayError } from "../../common/errors.ts";

const headBytes = 16;
const millionths = 1e6;

/** Undefined: there is no value at all. */
export function packNumbers(values: Float64Array): Uint8Array | undefined {
  const shape = shapeOf(values);
  if (shape === undefined) return undefined;
  const { width, scale, least } = shape;
  const bytes = new Uint8Array(headBytes + width * values.length);
  const head = new DataView(bytes.buffer);
  bytes[0] = width;
  bytes[1] = scale === 1 ? 0 : 1;
  head.setUint32(4, values.length, true);
  head.setFloat64(8, least, true);
  if (width === 0) return bytes;
  const numbers = numbersOf(bytes, width, values.length);
  if (numbers instanceof Float64Array) numbers.set(values);
  else packOffsets(numbers, values, shape);
  return bytes;
}

/** Indices of `texts`, NaN for none, with the texts themselves. Undefined: there is no text at all. */
export function packTexts(indices: Float64Array, texts: readonly string[]): Uint8Array | undefined {
  const numbers = packNumbers(indices);
  if (numbers === undefined) return undefined;
  const dictionary = new TextEncoder().encode(JSON.stringify(texts));
  const bytes = new Uint8Array(numbers.length + dictionary.length);
  bytes.set(numbers);
  bytes.set(dictionary, numbers.length);
  return bytes;
}

/** Fills `target` from its beginning. Throws `data_loss` where the bytes are no column of that many rows. */
export function unpackNumbers(bytes: Uint8Array, target: Float64Array): void {
  const { width, scale, least } = headOf(bytes, target.length);
  if (width === 0) {
    target.fill(least / scale);
    return;
  }
  const numbers = numbersOf(aligned(bytes), width, target.length);
  if (numbers instanceof Float64Array) {
    target.set(numbers);
    return;
  }
  const none = noneOf(numbers);
  for (let index = 0; index < target.length; index++) {
    const offset = numbers[index] as number;
    target[index] = offset === none ? Number.NaN : (least + offset) / scale;
  }
}

/** The texts that the numbers of such a column stand for. */
export function unpackTexts(bytes: Uint8Array, rows: number): string[] {
  const { width } = headOf(bytes, rows);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(headBytes + width * rows))) as string[];
}

type Offsets = Uint8Array | Uint16Array | Uint32Array;
type Width = 0 | 1 | 2 | 4 | 8;

interface Shape {
  readonly width: Width;
  /** What values are multiplied with to be whole. */
  readonly scale: number;
  /** Of the multiplied values. */
  readonly least: number;
}

/** The largest number of an array stands for no value. */
function noneOf(offsets: Offsets): number {
  return 2 ** (8 * offsets.BYTES_PER_ELEMENT) - 1;
}

function packOffsets(offsets: Offsets, values: Float64Array, { scale, least }: Shape): void {
  const none = noneOf(offsets);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    offsets[index] = Number.isNaN(value) ? none : Math.round(value * scale) - least;
  }
}

function shapeOf(values: Float64Array): Shape | undefined {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let missing = 0;
  let isWhole = true;
  let isMillionths = true;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isNaN(value)) {
      missing++;
      continue;
    }
    if (value < least) least = value;
    if (value > most) most = value;
    isWhole &&= Number.isSafeInteger(value);
    isMillionths &&= Math.round(value * millionths) / millionths === value;
  }
  if (missing === values.length) return undefined;
  const scale = isWhole ? 1 : millionths;
  const first = Math.round(least * scale);
  const span = Math.round(most * scale) - first;
  const isExact = isWhole || (isMillionths && Math.abs(first) + span <= Number.MAX_SAFE_INTEGER);
  const width = isExact ? narrowest(span, missing > 0) : 8;
  return width === 8 ? { width, scale: 1, least } : { width, scale, least: first };
}

function narrowest(span: number, hasMissing: boolean): Width {
  if (span === 0 && !hasMissing) return 0;
  return ([1, 2, 4] as const).find((bytes) => span < 2 ** (8 * bytes) - 1) ?? 8;
}

function headOf(bytes: Uint8Array, rows: number): Shape {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = ([0, 1, 2, 4, 8] as const).find((known) => known === bytes[0]);
  if (width === undefined || bytes.length < headBytes + width * rows || head.getUint32(4, true) !== rows) {
    throw new AssayError("data_loss", `a packed column of ${bytes.length} bytes is none of ${rows} rows`);
  }
  return { width, scale: bytes[1] === 1 ? millionths : 1, least: head.getFloat64(8, true) };
}

function numbersOf(bytes: Uint8Array, width: Width, rows: number): Offsets | Float64Array {
  const at = bytes.byteOffset + headBytes;
  if (width === 1) return new Uint8Array(bytes.buffer, at, rows);
  if (width === 2) return new Uint16Array(bytes.buffer, at, rows);
  if (width === 4) return new Uint32Array(bytes.buffer, at, rows);
  return new Float64Array(bytes.buffer, at, rows);
}

/** A typed array begins where its numbers may; bytes out of a database begin anywhere. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}
