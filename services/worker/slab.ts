/**
 * Where the bytes and stamps of one answer are kept while it comes: the body in pieces, one growing buffer for the stamps of its
 * reads. All go back to a pool, so that a run at a steady state allocates nothing per request, and a stream that goes on for minutes
 * costs what it has received and less than one piece.
 */
import { maxReadBytes, writeRead } from "../common/chunk-stamps.ts";

const firstPieceBytes = 2048;
const pieceBytes = 4096;
const firstReadsBytes = 256;
/** No more than a third of a buffer that has grown is empty. */
const growth = 1.5;
/** A larger buffer for stamps is not kept. */
const keptReadsBytes = 1 << 16;
const keptPieces = 4096;
const keptJoinedBytes = 1 << 20;
const keptSlabs = 4096;

/** Pieces that are not in use, 16 MiB at most, and room to put those of one answer together. */
class PiecePool {
  private readonly free: Buffer[] = [];
  private joined: Buffer = Buffer.allocUnsafeSlow(0);

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
  }

  giveBack(pieces: readonly Buffer[]): void {
    for (const piece of pieces) if (this.free.length < keptPieces) this.free.push(piece);
  }

  /** The first `sizeBytes` of these. Valid until the next call. */
  join(pieces: readonly Buffer[], sizeBytes: number): Buffer {
    if (this.joined.length < sizeBytes) this.joined = Buffer.allocUnsafeSlow(Math.ceil(sizeBytes * growth));
    const { joined } = this;
    let at = 0;
    for (const piece of pieces) at += piece.copy(joined, at);
    if (joined.length > keptJoinedBytes) this.joined = Buffer.allocUnsafeSlow(0);
    return joined.subarray(0, sizeBytes);
  }
}

export class Slab {
  private readonly pool: PiecePool;
  private readonly firstPiece: Buffer = Buffer.allocUnsafeSlow(firstPieceBytes);
  /** Behind the first one. */
  private readonly pieces: Buffer[] = [];
  /** The one that is filled, and how far. */
  private piece = this.firstPiece;
  private pieceEnd = 0;
  private bodyEnd = 0;
  private readStamps: Uint8Array = new Uint8Array(firstReadsBytes);
  private readsEnd = 0;
  private lastNs = 0;
  /** The latest read: its stamp is written when the next one comes, since a read may come in pieces. */
  private readNs = 0;
  private readBytes = 0;

  constructor(pool = new PiecePool()) {
    this.pool = pool;
  }

  /** Copies `bytes[start, end)`. `ns` counts from the moment the request was sent and does not descend; what comes with the same is one read. */
  add(bytes: Buffer, start: number, end: number, ns: number): void {
    for (let at = start; at < end; ) {
      if (this.pieceEnd === this.piece.length) this.nextPiece();
      const stop = Math.min(end, at + this.piece.length - this.pieceEnd);
      bytes.copy(this.piece, this.pieceEnd, at, stop);
      this.pieceEnd += stop - at;
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
    return this.pool.join([this.firstPiece, ...this.pieces], this.bodyEnd);
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
    this.pool.giveBack(this.pieces);
    this.pieces.length = 0;
    this.piece = this.firstPiece;
    this.pieceEnd = 0;
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
    this.piece = this.pool.take();
    this.pieces.push(this.piece);
    this.pieceEnd = 0;
  }

  private growReads(): void {
    const grown = new Uint8Array(Math.ceil(this.readStamps.length * growth));
    grown.set(this.readStamps);
    this.readStamps = grown;
  }
}

export class SlabPool {
  private readonly pieces = new PiecePool();
  private readonly free: Slab[] = [];

  take(): Slab {
    return this.free.pop() ?? new Slab(this.pieces);
  }

  giveBack(slab: Slab): void {
    if (slab.reset() && this.free.length < keptSlabs) this.free.push(slab);
  }
}
