/** Tensors whose elements somebody has, before it is known what a model takes them as. */
import { AssayError } from "../../../services/common/errors.ts";
import { countBytesElements, rawOfBytes } from "./bytes.ts";
import type { Datatype } from "./datatypes.ts";
import { countElements, encodeElements } from "./elements.ts";
import { elementCount, matchesShape, type Shape, shownShape } from "./shape.ts";

export interface GivenTensor {
  readonly name: string;
  /** Without a batch dimension; empty: that of the model. */
  readonly shape: Shape;
  /** Bytes as they go, or elements: truth values as 0 and 1. */
  readonly contents: Uint8Array | readonly (number | string)[];
}

/** Its contents in a datatype. Throws `invalid_argument` for elements that it cannot hold. */
export function rawOfGiven({ contents, shape }: GivenTensor, datatype: Datatype): Uint8Array {
  if (!(contents instanceof Uint8Array)) {
    return encodeElements(datatype, datatype === "BOOL" ? contents.map((value) => Number(value) !== 0) : contents);
  }
  if (datatype !== "BYTES") return contents;
  // perf_analyzer's files have both: elements behind their lengths, and one element alone.
  const count = countBytesElements(contents);
  const wanted = shape.length === 0 ? count : elementCount(shape);
  return typeof count === "number" && count === wanted ? contents : rawOfBytes([contents]);
}

/**
 * The shape of contents in a tensor of a model, and how many elements they are. Of a shape with one open size it is what there are elements for.
 * Throws `invalid_argument` where they do not go together.
 */
export function shapeOfGiven({ shape }: GivenTensor, datatype: Datatype, raw: Uint8Array, wanted: Shape): Shape {
  if (shape.length > 0) {
    if (matchesShape(shape, wanted)) return shape;
    throw new AssayError("invalid_argument", `shape must be ${shownShape(wanted)}, got ${shownShape(shape)}`);
  }
  const open = wanted.indexOf(-1);
  if (open < 0) return wanted;
  if (wanted.lastIndexOf(-1) !== open) {
    throw new AssayError("invalid_argument", `the model leaves sizes open: ${shownShape(wanted)}, and no shape is given`);
  }
  const known = elementCount(wanted.filter((size) => size !== -1));
  const count = countElements(datatype, raw);
  // What cannot be is said by the count of elements.
  return wanted.with(open, known === 0 ? 0 : Math.floor(count / known));
}

/** The same contents for each of a batch. */
export function repeated(raw: Uint8Array, times: number): Uint8Array {
  if (times === 1) return raw;
  const all = new Uint8Array(times * raw.length);
  for (let at = 0; at < all.length; at += raw.length) all.set(raw, at);
  return all;
}
