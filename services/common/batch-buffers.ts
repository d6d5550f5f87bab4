/**
 * Buffers that batches are written into, used again once the other side has acked what was in them: until then they may be on their way. New
 * ones of this size each time would have V8 collect everything, again and again, for memory that it does not hold itself.
 */
export class BatchBuffers {
  readonly #free: Buffer[] = [];
  readonly #used: { readonly seq: number; readonly buffer: Buffer }[] = [];
  readonly #limits: BatchBufferLimits;

  constructor(limits: BatchBufferLimits) {
    this.#limits = limits;
  }

  /** A buffer to fill; its bytes are whatever they were. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#limits.sizeBytes);
  }

  /** The batch `seq` is on its way in this memory, which may be larger than what was taken. Seqs ascend. */
  sent(seq: number, message: Buffer): void {
    this.#used.push({ seq, buffer: Buffer.from(message.buffer) });
  }

  /** All batches up to this one are acked. */
  acked(seq: number): void {
    let done = 0;
    for (const each of this.#used) {
      if (each.seq > seq) break;
      done++;
      this.#keep(each.buffer);
    }
    this.#used.splice(0, done);
  }

  /** Nobody reads this message, or the memory that it is in, any more. */
  giveBack(message: Buffer): void {
    this.#keep(Buffer.from(message.buffer));
  }

  /** No ack will come for what is on its way. */
  lost(): void {
    this.#used.length = 0;
  }

  #keep(buffer: Buffer): void {
    if (this.#free.length < this.#limits.kept && buffer.length <= this.#limits.keptBytes) this.#free.push(buffer);
  }
}

export interface BatchBufferLimits {
  /** Size of a new buffer. */
  readonly sizeBytes: number;
  /** Buffers kept for later; those beyond it are let go. */
  readonly kept: number;
  /** Larger ones are not kept. */
  readonly keptBytes: number;
}
