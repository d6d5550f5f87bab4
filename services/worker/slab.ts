/**
 * Where the bytes and stamps of one answer are kept while it comes: the body in pieces, one growing buffer for the stamps of its
 * reads. All go back to a pool, so that a run at a steady state allocates nothing per request, and a stream that goes on for minutes
 * costs what it has received and less than one piece.
 */
import { maxReadBytes, writeRead } from "../common/chunk-stamps.ts";
import { PiecePool, pieceBytes } from "./piece-pool.ts";

const firstPieceBytes = 2048;
const firstReadsBytes = 256;
/** No more than a third of a buffer that has grown is empty. */
const growth = 1.5;
/** A larger buffer for stamps is not kept. */
const keptReadsBytes = 1 << 16;
const keptJoinedBytes = 1 << 20;
const keptSlabs = 4096;

/** Pieces of bodies, and room to put those of one answer together. */
class BodyPool {
  readonly pieces = new PiecePool();
  private joined: Buffer = Buffer.allocUnsafeSlow(0);

  /** `first`, and behind it what is in these, `sizeBytes` together. Valid until the next call. */
  join(first: Buffer, pieces: readonly number[], sizeBytes: number): Buffer {
    if (this.joined.length < sizeBytes) this.joined = Buffer.allocUnsafeSlow(Math.ceil(sizeBytes * growth));
    const { joined } = this;
    let at = first.copy(joined);
    for (const piece of pieces) {
      const start = this.pieces.startOf(piece);
      at += this.pieces.bufferOf(piece).copy(joined, at, start, start + Math.min(pieceBytes, sizeBytes - at));
    }
    if (joined.length > keptJoinedBytes) this.joined = Buffer.allocUnsafeSlow(0);
    return joined.subarray(0, sizeBytes);
  }
}

export class Slab {
  private readonly pool: BodyPool;
  private readonly firstPiece: Buffer = Buffer.allocUnsafeSlow(firstPieceBytes);
  /** Behind the first one. */
  private readonly pieces: number[] = [];
  /** The memory that is filled, from where, and until where it may be. */
  private memory = this.firstPiece;
  private memoryAt = 0;
  private memoryEnd = firstPieceBytes;
  private bodyEnd = 0;
  private readStamps: Uint8Array = new Uint8Array(firstReadsBytes);
  private readsEnd = 0;
  private lastNs = 0;
  /** The latest read: its stamp is written when the next one comes, since a read may come in pieces. */
  private readNs = 0;
  private readBytes = 0;

  constructor(pool = new BodyPool()) {
    this.pool = pool;
  }

  /** Copies `bytes[start, end)`. `ns` counts from the moment the request was sent and does not descend; what comes with the same is one read. */
  add(bytes: Buffer, start: number, end: number, ns: number): void {
    for (let at = start; at < end; ) {
      if (this.memoryAt === this.memoryEnd) this.nextPiece();
      const stop = Math.min(end, at + this.memoryEnd - this.memoryAt);
      bytes.copy(this.memory, this.memoryAt, at, stop);
      this.memoryAt += stop - at;
      at = stop;
    }
    this.bodyEnd += end - start;
    if (ns !== this.readNs) this.endRead();
    this.readNs = ns;
    this.readBytes += end - start;
  }

  /** The body held, put together where it is in several pieces; valid until anything is asked of a slab of the same pool. */
  get payload(): Buffer {
    if (this.pieces.length === 0) return this.firstPiece.subarray(0, this.bodyEnd);
    return this.pool.join(this.firstPiece, this.pieces, this.bodyEnd);
  }

  /** The packed stamps of all reads; valid until `reset` or the next `add`. */
  get reads(): Uint8Array {
    this.endRead();
    return this.readStamps.subarray(0, this.readsEnd);
  }

  /** Bytes of body received. */
  get receivedBytes(): number {
    return this.bodyEnd;
  }

  /** Ready for another answer. Returns whether it is worth keeping. */
  reset(): boolean {
    for (const piece of this.pieces) this.pool.pieces.giveBack(piece);
    this.pieces.length = 0;
    this.memory = this.firstPiece;
    this.memoryAt = 0;
    this.memoryEnd = firstPieceBytes;
    this.bodyEnd = 0;
    this.readsEnd = 0;
    this.lastNs = 0;
    this.readNs = 0;
    this.readBytes = 0;
    return this.readStamps.length <= keptReadsBytes;
  }

  private endRead(): void {
    if (this.readBytes === 0) return;
    if (this.readsEnd + maxReadBytes > this.readStamps.length) this.growReads();
    this.readsEnd = writeRead(this.readStamps, this.readsEnd, this.readBytes, this.lastNs, this.readNs);
    this.lastNs = this.readNs;
    this.readBytes = 0;
  }

  private nextPiece(): void {
    const { pieces } = this.pool;
    const piece = pieces.take();
    this.pieces.push(piece);
    this.memory = pieces.bufferOf(piece);
    this.memoryAt = pieces.startOf(piece);
    this.memoryEnd = this.memoryAt + pieceBytes;
  }

  private growReads(): void {
    const grown = new Uint8Array(Math.ceil(this.readStamps.length * growth));
    grown.set(this.readStamps);
    this.readStamps = grown;
  }
}

export class SlabPool {
  private readonly bodies = new BodyPool();
  private readonly free: Slab[] = [];

  take(): Slab {
    return this.free.pop() ?? new Slab(this.bodies);
  }

  giveBack(slab: Slab): void {
    if (slab.reset() && this.free.length < keptSlabs) this.free.push(slab);
  }
}
