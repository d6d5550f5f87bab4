/**
 * Where the bytes and stamps of one answer are kept while it comes: one growing buffer for the body, one for the stamps
 * of its reads. Both go back to the pool with their size, so that a run at a steady state allocates nothing per request.
 */
import { maxReadBytes, writeRead } from "../common/chunk-stamps.ts";

const firstBodyBytes = 2048;
const firstReadsBytes = 256;
/** No more than a third of a buffer that has grown is empty. */
const growth = 1.5;
/** A larger buffer is not kept: one huge answer must not hold its memory for the rest of the run. */
const keptBytes = 1 << 20;
const keptSlabs = 4096;

export class Slab {
  private body: Buffer = Buffer.allocUnsafeSlow(firstBodyBytes);
  private readStamps: Uint8Array = new Uint8Array(firstReadsBytes);
  private bodyEnd = 0;
  private readsEnd = 0;
  private lastNs = 0;
  /** The latest read: its stamp is written when the next one comes, since a read may come in pieces. */
  private readNs = 0;
  private readBytes = 0;
  /** Bytes that left in parts before this moment; not held here any more. */
  private leftBytes = 0;

  /** Copies `bytes[start, end)`. `ns` counts from the moment the request was sent and does not descend; what comes with the same is one read. */
  add(bytes: Buffer, start: number, end: number, ns: number): void {
    const sizeBytes = end - start;
    if (this.bodyEnd + sizeBytes > this.body.length) this.growBody(this.bodyEnd + sizeBytes);
    bytes.copy(this.body, this.bodyEnd, start, end);
    this.bodyEnd += sizeBytes;
    if (ns !== this.readNs) this.endRead();
    this.readNs = ns;
    this.readBytes += sizeBytes;
  }

  /** The body held; valid until `reset`, `takeBody` or the next `add`. */
  get payload(): Buffer {
    return this.body.subarray(0, this.bodyEnd);
  }

  /** The packed stamps of all reads; valid until `reset` or the next `add`. */
  get reads(): Uint8Array {
    this.endRead();
    return this.readStamps.subarray(0, this.readsEnd);
  }

  get heldBytes(): number {
    return this.bodyEnd;
  }

  /** Bytes of body received, those that left in parts included. */
  get receivedBytes(): number {
    return this.leftBytes + this.bodyEnd;
  }

  /** Forgets the body held, which has left as a part; its stamps stay. */
  dropBody(): void {
    this.leftBytes += this.bodyEnd;
    this.bodyEnd = 0;
  }

  /** Ready for another answer. Returns whether it is worth keeping. */
  reset(): boolean {
    this.bodyEnd = 0;
    this.readsEnd = 0;
    this.lastNs = 0;
    this.readNs = 0;
    this.readBytes = 0;
    this.leftBytes = 0;
    return this.body.length <= keptBytes && this.readStamps.length <= keptBytes;
  }

  private endRead(): void {
    if (this.readBytes === 0) return;
    if (this.readsEnd + maxReadBytes > this.readStamps.length) this.growReads();
    this.readsEnd = writeRead(this.readStamps, this.readsEnd, this.readBytes, this.lastNs, this.readNs);
    this.lastNs = this.readNs;
    this.readBytes = 0;
  }

  private growBody(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.body.length * growth)));
    this.body.copy(grown, 0, 0, this.bodyEnd);
    this.body = grown;
  }

  private growReads(): void {
    const grown = new Uint8Array(Math.ceil(this.readStamps.length * growth));
    grown.set(this.readStamps);
    this.readStamps = grown;
  }
}

export class SlabPool {
  private readonly free: Slab[] = [];

  take(): Slab {
    return this.free.pop() ?? new Slab();
  }

  giveBack(slab: Slab): void {
    if (slab.reset() && this.free.length < keptSlabs) this.free.push(slab);
  }
}
