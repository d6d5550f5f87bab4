/** Elements of tensors as values, to and from the raw form in which every datatype can travel: little-endian, row by row. */
import { AssayError } from "../../../services/common/errors.ts";
import { bytesElements, countBytesElements, rawOfBytes } from "./bytes.ts";
import { type Datatype, elementBytes } from "./datatypes.ts";
import { bf16Bits, bf16Value, fp16Bits, fp16Value } from "./half.ts";

/** What an element can be given as: BOOL a truth value, BYTES bytes or a text, integers of 64 bits also a number that is exact. */
export type ElementInput = boolean | number | bigint | string | Uint8Array;

/** What is read: BOOL as truth values, INT64 and UINT64 as bigints, BYTES as views of the raw contents, all others as numbers. */
export type Elements = boolean[] | number[] | bigint[] | Uint8Array[];

/** Raw contents of these elements. Throws `invalid_argument` for one that the datatype cannot hold. */
export function encodeElements(datatype: Datatype, elements: readonly ElementInput[]): Uint8Array<ArrayBuffer> {
  if (datatype === "BYTES") return rawOfBytes(elements.map(bytesOf));
  const size = elementBytes[datatype];
  const raw = new Uint8Array(elements.length * size);
  const view = new DataView(raw.buffer);
  for (const [i, element] of elements.entries()) {
    if (!writeElement(view, i * size, datatype, element)) throw notAn(datatype, element, i);
  }
  return raw;
}

/** The elements of raw contents. Throws `invalid_argument` for contents that end inside an element. */
export function decodeElements(datatype: Datatype, raw: Uint8Array): Elements {
  const count = countElements(datatype, raw);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  switch (datatype) {
    case "BYTES":
      return bytesElements(raw);
    case "BOOL":
      return Array.from({ length: count }, (_, i) => raw[i] !== 0);
    case "INT64":
      return Array.from({ length: count }, (_, i) => view.getBigInt64(8 * i, true));
    case "UINT64":
      return Array.from({ length: count }, (_, i) => view.getBigUint64(8 * i, true));
    default: {
      const size = elementBytes[datatype];
      return Array.from({ length: count }, (_, i) => readNumber(view, i * size, datatype));
    }
  }
}

/** How many elements raw contents hold. Throws `invalid_argument` for contents that end inside an element. */
export function countElements(datatype: Datatype, raw: Uint8Array): number {
  if (datatype === "BYTES") {
    const count = countBytesElements(raw);
    if (typeof count === "number") return count;
    const { where, wanted, available } = count;
    const what = where === "length" ? "a length" : "an element";
    throw new AssayError(
      "invalid_argument",
      `contents of BYTES end inside ${what} of ${wanted} bytes, of which there are ${available}`,
    );
  }
  const size = elementBytes[datatype];
  if (raw.length % size === 0) return raw.length / size;
  throw new AssayError("invalid_argument", `contents of ${datatype} must be a multiple of ${size} bytes, got ${raw.length}`);
}

/** The texts of elements of BYTES; what is not UTF-8 becomes U+FFFD. Those before the end of contents that end too early. */
export function textsOf(raw: Uint8Array): string[] {
  return bytesElements(raw).map((element) => decoder.decode(element));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

type NumberType = Exclude<Datatype, "BYTES" | "BOOL" | "INT64" | "UINT64">;

/** Bits, and whether one of them is a sign. */
const integers: Readonly<Partial<Record<Datatype, readonly [bits: number, isSigned: boolean]>>> = {
  UINT8: [8, false],
  UINT16: [16, false],
  UINT32: [32, false],
  UINT64: [64, false],
  INT8: [8, true],
  INT16: [16, true],
  INT32: [32, true],
  INT64: [64, true],
};

function bytesOf(element: ElementInput, index: number): Uint8Array {
  if (typeof element === "string") return encoder.encode(element);
  if (element instanceof Uint8Array) return element;
  throw notAn("BYTES", element, index);
}

/** False: the datatype cannot hold it. */
function writeElement(view: DataView, at: number, datatype: Exclude<Datatype, "BYTES">, element: ElementInput): boolean {
  if (datatype === "BOOL") {
    if (typeof element !== "boolean") return false;
    view.setUint8(at, element ? 1 : 0);
    return true;
  }
  if (datatype === "INT64" || datatype === "UINT64") {
    const value = typeof element === "number" && Number.isSafeInteger(element) ? BigInt(element) : element;
    if (typeof value !== "bigint") return false;
    if ((datatype === "INT64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) !== value) return false;
    view.setBigUint64(at, BigInt.asUintN(64, value), true);
    return true;
  }
  if (typeof element !== "number") return false;
  return writeNumber(view, at, datatype, element);
}

function writeNumber(view: DataView, at: number, datatype: NumberType, value: number): boolean {
  switch (datatype) {
    case "UINT8":
    case "INT8":
      view.setUint8(at, value);
      break;
    case "UINT16":
    case "INT16":
      view.setUint16(at, value, true);
      break;
    case "UINT32":
    case "INT32":
      view.setUint32(at, value, true);
      break;
    case "FP16":
      view.setUint16(at, fp16Bits(value), true);
      return true;
    case "BF16":
      view.setUint16(at, bf16Bits(value), true);
      return true;
    case "FP32":
      view.setFloat32(at, value, true);
      return true;
    case "FP64":
      view.setFloat64(at, value, true);
      return true;
  }
  // What does not fit is cut by the view: it was held if the same comes back.
  return readNumber(view, at, datatype) === value;
}

function readNumber(view: DataView, at: number, datatype: NumberType): number {
  switch (datatype) {
    case "UINT8":
      return view.getUint8(at);
    case "INT8":
      return view.getInt8(at);
    case "UINT16":
      return view.getUint16(at, true);
    case "INT16":
      return view.getInt16(at, true);
    case "UINT32":
      return view.getUint32(at, true);
    case "INT32":
      return view.getInt32(at, true);
    case "FP16":
      return fp16Value(view.getUint16(at, true));
    case "BF16":
      return bf16Value(view.getUint16(at, true));
    case "FP32":
      return view.getFloat32(at, true);
    case "FP64":
      return view.getFloat64(at, true);
  }
}

function notAn(datatype: Datatype, element: ElementInput, index: number): AssayError {
  const got = typeof element === "string" ? JSON.stringify(element) : String(element);
  return new AssayError("invalid_argument", `element ${index} of ${datatype} must be ${expectedOf(datatype)}, got ${got}`);
}

function expectedOf(datatype: Datatype): string {
  const [bits, isSigned] = integers[datatype] ?? [0, false];
  if (bits > 0) {
    const low = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
    return `an integer from ${low} to ${low + 2n ** BigInt(bits) - 1n}`;
  }
  if (datatype === "BOOL") return "true or false";
  return datatype === "BYTES" ? "bytes or a text" : "a number";
}
