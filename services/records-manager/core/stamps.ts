/** What statistics need of a request's packed content stamps (`services/common/chunk-stamps.ts`), without unpacking them. */
import { AssayError } from "../../common/errors.ts";
import { VarintReader } from "../../common/varint.ts";

/**
 * First and last stamp in ns after the request was sent; undefined when there are none. Throws `data_loss` where the bytes
 * end inside a stamp. The last one is the sum of all varints, for which no varint has to be read by itself.
 */
export function stampEnds(packed: Uint8Array): { readonly firstNs: number; readonly lastNs: number } | undefined {
  if (packed.length === 0) return undefined;
  let sumUs = 0;
  let scale = 1;
  for (let index = 0; index < packed.length; index++) {
    const byte = packed[index] as number;
    sumUs += (byte & 0x7f) * scale;
    scale = byte < 0x80 ? 1 : scale * 128;
  }
  if (scale !== 1) throw new AssayError("data_loss", `stamps end inside a varint, after ${packed.length} bytes`);
  return { firstNs: new VarintReader(packed).read() * 1000, lastNs: sumUs * 1000 };
}

/** Calls `visit` with every gap between neighbouring stamps, in whole µs: one fewer than there are stamps. Throws as `stampEnds`. */
export function forEachGap(packed: Uint8Array, visit: (gapUs: number) => void): void {
  const deltas = new VarintReader(packed);
  if (!deltas.isAtEnd) deltas.read();
  while (!deltas.isAtEnd) visit(deltas.read());
}
