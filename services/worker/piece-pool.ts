/**
 * Memory in pieces of one size, cut out of blocks: a piece is a number, since a buffer object for each would cost a tenth of what it
 * holds. Blocks that are wholly free are given back to the system but for a few.
 */

/** Bytes of a piece. */
export const pieceBytes = 4096;
const blockPieces = 256;
/** 16 MiB. */
const keptBlocks = 16;

interface Block {
  readonly buffer: Buffer;
  /** Places in it of pieces that are not in use. */
  readonly free: number[];
}

export class PiecePool {
  /** By slot; a slot without a block is used again. */
  readonly #blocks: (Block | undefined)[] = [];
  /** Slots of blocks with a free piece. */
  readonly #withRoom: number[] = [];
  #wholeBlocks = 0;

  /** A piece that nobody else has, with whatever is in it. */
  take(): number {
    const slot = this.#withRoom.at(-1) ?? this.#newBlock();
    const { free } = this.#blockAt(slot);
    if (free.length === blockPieces) this.#wholeBlocks--;
    const place = free.pop() ?? 0;
    if (free.length === 0) this.#withRoom.pop();
    return slot * blockPieces + place;
  }

  giveBack(piece: number): void {
    const slot = Math.floor(piece / blockPieces);
    const { free } = this.#blockAt(slot);
    free.push(piece % blockPieces);
    if (free.length === 1) this.#withRoom.push(slot);
    if (free.length < blockPieces) return;
    if (this.#wholeBlocks < keptBlocks) {
      this.#wholeBlocks++;
      return;
    }
    this.#blocks[slot] = undefined;
    this.#withRoom.splice(this.#withRoom.indexOf(slot), 1);
  }

  /** The memory that holds a piece, from `startOf`. */
  bufferOf(piece: number): Buffer {
    return this.#blockAt(Math.floor(piece / blockPieces)).buffer;
  }

  /** Where in its memory a piece begins. */
  startOf(piece: number): number {
    return (piece % blockPieces) * pieceBytes;
  }

  /** Bytes of memory held. */
  get sizeBytes(): number {
    return this.#blocks.reduce((bytes, block) => bytes + (block?.buffer.length ?? 0), 0);
  }

  #newBlock(): number {
    const unused = this.#blocks.indexOf(undefined);
    const slot = unused < 0 ? this.#blocks.length : unused;
    const free = Array.from({ length: blockPieces }, (_, index) => blockPieces - 1 - index);
    this.#blocks[slot] = { buffer: Buffer.allocUnsafeSlow(blockPieces * pieceBytes), free };
    this.#withRoom.push(slot);
    this.#wholeBlocks++;
    return slot;
  }

  #blockAt(slot: number): Block {
    const block = this.#blocks[slot];
    if (block === undefined) throw new RangeError(`no piece of memory is in slot ${slot}`);
    return block;
  }
}
