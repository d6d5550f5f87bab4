/**
 * Typed arrays for what is made of every answer, cut from blocks that many share: an array of its own takes memory outside the heap, which
 * costs several times what is done with it. Each keeps its block, so that they are for what is let go soon.
 */

const blockBytes = 64 * 1024;
/** Longer ones get memory of their own. */
const maxPooledBytes = blockBytes / 8;

let block = new ArrayBuffer(blockBytes);
let used = 0;

/** Zeros. */
export function pooledDoubles(length: number): Float64Array<ArrayBuffer> {
  if (8 * length > maxPooledBytes) return new Float64Array(length);
  const at = take(8 * length);
  return new Float64Array(block, at, length);
}

/** Zeros. */
export function pooledUints(length: number): Uint32Array<ArrayBuffer> {
  if (4 * length > maxPooledBytes) return new Uint32Array(length);
  const at = take(4 * length);
  return new Uint32Array(block, at, length);
}

/** Offset in `block` of so many bytes that nobody else has, where any number may begin. */
function take(bytes: number): number {
  const whole = (bytes + 7) & ~7;
  if (used + whole > blockBytes) {
    block = new ArrayBuffer(blockBytes);
    used = 0;
  }
  const at = used;
  used += whole;
  return at;
}
