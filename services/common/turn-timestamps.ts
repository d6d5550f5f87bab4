/**
 * Moments of the turns of a dataset, packed as the dataset service hands them to timing: one varint a turn, the difference to the one
 * before, so that those of a million turns fit into a message. Pure.
 */
import { AssayError } from "./errors.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

/** Latest moment that can be packed, ms: the year 2096 where it counts from 1970. */
export const maxTimestampMs = 4_000_000_000_000;

/** Takes the moments of all turns, conversations in order. */
export class TimestampPacker {
  readonly #writer = new VarintWriter();
  #beforeUs = 0;
  #hasAny = false;

  /** From 0 to `maxTimestampMs`; NaN: the turn has none. */
  add(timestampMs: number): void {
    this.#writer.write(this.#code(timestampMs));
  }

  /** Empty where no turn has any. */
  packed(): Uint8Array {
    return this.#hasAny ? this.#writer.bytes() : new Uint8Array(0);
  }

  #code(timestampMs: number): number {
    if (Number.isNaN(timestampMs)) return 0;
    this.#hasAny = true;
    const atUs = Math.round(timestampMs * 1e3);
    const difference = atUs - this.#beforeUs;
    this.#beforeUs = atUs;
    return 1 + (difference >= 0 ? 2 * difference : -2 * difference - 1);
  }
}

/** The moments of `turns` turns, µs, in the order in which they were packed; NaN: none. Throws `data_loss` where there are not so many. */
export function unpackTimestampsUs(packed: Uint8Array, turns: number): Float64Array {
  const reader = new VarintReader(packed);
  const timestampsUs = new Float64Array(turns).fill(Number.NaN);
  let beforeUs = 0;
  for (let turn = 0; turn < turns; turn++) {
    const code = reader.read();
    if (code === 0) continue;
    const zigzag = code - 1;
    beforeUs += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    timestampsUs[turn] = beforeUs;
  }
  if (!reader.isAtEnd) throw new AssayError("data_loss", `more timestamps than the ${turns} turns of the dataset`);
  return timestampsUs;
}
