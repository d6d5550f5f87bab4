/** Shapes of tensors. Sizes are numbers here and int64 on the wire; -1 in a model's shape means any size. */
import { AssayError } from "../../../services/common/errors.ts";

export type Shape = readonly number[];

/** Elements of a tensor: the product of its sizes, 1 without any. Throws `invalid_argument` for negative sizes and for more than 2^53. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new AssayError("invalid_argument", `a shape must be of sizes from 0, got ${shownShape(shape)}`);
    }
    count *= size;
  }
  if (!Number.isSafeInteger(count)) {
    throw new AssayError("invalid_argument", `a tensor of shape ${shownShape(shape)} has too many elements`);
  }
  return count;
}

/** Whether a tensor of this shape is what a model takes that asks for `wanted`. */
export function matchesShape(shape: Shape, wanted: Shape): boolean {
  return shape.length === wanted.length && wanted.every((size, i) => size === -1 || size === shape[i]);
}

/** As servers write it: `[-1,4]`. */
export function shownShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}
