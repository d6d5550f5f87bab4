/**
 * Gaps between chunks of answers, counted and packed: pairs of varints, how far a gap is above the one before, in whole µs, and how often
 * it was there. Ascending, so that most pairs take two bytes.
 */
import { VarintReader, VarintWriter } from "../../common/varint.ts";
import type { GapDistribution } from "./gap-distribution.ts";
import { DENSE_BELOW_US } from "./gap-distribution.ts";

/** Gaps of several answers, as the stamps have them: the varints behind the first of each. */
export class GapBytes {
  #bytes = new Uint8Array(16 * 1024);
  #length = 0;

  /** Of one answer, packed as `chunk-stamps.ts` says. */
  add(stamps: Uint8Array): void {
    const begin = stamps.findIndex((byte) => byte < 0x80) + 1;
    const length = stamps.length - begin;
    if (this.#length + length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(begin === 0 ? stamps : stamps.subarray(begin), this.#length);
    this.#length += length;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Counts gaps; one of it serves any number of chunks, one after the other. */
export class GapCounter {
  readonly #dense = new Uint32Array(DENSE_BELOW_US);
  readonly #sparse = new Map<number, number>();

  /** `gaps`: of any number of answers. */
  packed(gaps: Uint8Array): Uint8Array {
    const dense = this.#dense;
    let least = DENSE_BELOW_US;
    let most = -1;
    const reader = new VarintReader(gaps);
    while (!reader.isAtEnd) {
      const gapUs = reader.read();
      if (gapUs >= DENSE_BELOW_US) {
        this.#sparse.set(gapUs, (this.#sparse.get(gapUs) ?? 0) + 1);
        continue;
      }
      dense[gapUs] = (dense[gapUs] as number) + 1;
      if (gapUs < least) least = gapUs;
      if (gapUs > most) most = gapUs;
    }
    const writer = new VarintWriter();
    let before = 0;
    const write = (gapUs: number, times: number): void => {
      writer.write(gapUs - before);
      writer.write(times);
      before = gapUs;
    };
    for (let gapUs = least; gapUs <= most; gapUs++) {
      const times = dense[gapUs] as number;
      if (times > 0) write(gapUs, times);
    }
    for (const [gapUs, times] of [...this.#sparse].sort(([one], [other]) => one - other)) write(gapUs, times);
    if (most >= 0) dense.fill(0, least, most + 1);
    this.#sparse.clear();
    return writer.bytes();
  }
}

/** Adds what `GapCounter` packed. */
export function addPackedGaps(distribution: GapDistribution, packed: Uint8Array): void {
  const reader = new VarintReader(packed);
  let gapUs = 0;
  while (!reader.isAtEnd) {
    gapUs += reader.read();
    distribution.add(gapUs, reader.read());
  }
}
