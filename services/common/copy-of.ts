/** Bytes of their own, of what is overwritten later. A `slice` would not do: that of a Buffer is a view. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
