/** The messages in the bytes of a call of gRPC: each behind a flag of compression and its length, 4 bytes, big-endian. Pure. */

const prefixBytes = 5;

/** Goes through the messages of a whole answer. */
export class FrameReader {
  /** Where the message that `next` gave ends. */
  end = 0;
  /** Set: the rest cannot be read, in these words. */
  problem: string | undefined;
  private readonly payload: Uint8Array;
  private readonly view: DataView;

  constructor(payload: Uint8Array) {
    this.payload = payload;
    this.view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  /** The bytes end inside a message, or inside its prefix. */
  get isCut(): boolean {
    return this.problem === undefined && this.end < this.payload.length;
  }

  /** The next message, a view of the payload; undefined: there is none that is whole. */
  next(): Uint8Array | undefined {
    const { end: start, payload } = this;
    if (start + prefixBytes > payload.length) return undefined;
    if (payload[start] !== 0) {
      this.problem = "a message is compressed, which was not asked for";
      return undefined;
    }
    const end = start + prefixBytes + this.view.getUint32(start + 1);
    if (end > payload.length) return undefined;
    this.end = end;
    return payload.subarray(start + prefixBytes, end);
  }
}
