/**
 * Pauses before the turns of a dataset, packed as the dataset service hands them to timing: one varint a turn, in microseconds, so
 * that those of a million turns fit into a message. Pure.
 */
import { AssayError } from "./errors.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

/** Takes the pauses of all turns, conversations in order. */
export class DelayPacker {
  readonly #writer = new VarintWriter();
  #hasAny = false;

  add(delayMs: number): void {
    const delayUs = Math.round(delayMs * 1e3);
    if (delayUs > 0) this.#hasAny = true;
    this.#writer.write(delayUs);
  }

  /** Empty where no turn waits. */
  packed(): Uint8Array {
    return this.#hasAny ? this.#writer.bytes() : new Uint8Array(0);
  }
}

/** The pauses of `turns` turns, ns, in the order in which they were packed. Throws `data_loss` where there are not so many. */
export function unpackDelaysNs(packed: Uint8Array, turns: number): Float64Array {
  const reader = new VarintReader(packed);
  const delaysNs = new Float64Array(turns);
  for (let turn = 0; turn < turns; turn++) delaysNs[turn] = reader.read() * 1e3;
  if (!reader.isAtEnd) throw new AssayError("data_loss", `more pauses than the ${turns} turns of the dataset`);
  return delaysNs;
}
