/**
 * Many rows of bytes in few large arrays: they weigh nothing on the garbage collector, go from one thread to another without being
 * copied, and can lie in a file instead. Pure.
 */

/** The arrays that rows lie in, by number. */
export interface Arenas {
  /** A view, not to be changed; undefined: there is none of that number. */
  at(index: number): Uint8Array | undefined;
}

export interface PackedRows {
  readonly size: number;
  readonly sizeBytes: number;
  /** Row i is `arenas.at(arenaOf[i]).subarray(startOf[i], endOf[i])`. The index arrays may be longer than `size`. */
  readonly arenas: Arenas;
  readonly arenaOf: Uint32Array<ArrayBuffer>;
  readonly startOf: Uint32Array<ArrayBuffer>;
  readonly endOf: Uint32Array<ArrayBuffer>;
}

/** Row `index`, from 0 to below the size; a view, not to be changed. Throws what reading its arena throws. */
export function rowAt({ arenas, arenaOf, startOf, endOf }: PackedRows, index: number): Uint8Array {
  return (arenas.at(arenaOf[index] as number) as Uint8Array).subarray(startOf[index], endOf[index]);
}

/** What of packed rows can be handed over to another thread; they are then gone here. */
export function transferableOf({ arenas, arenaOf, startOf, endOf }: PackedRows): ArrayBuffer[] {
  const held: readonly Uint8Array<ArrayBuffer>[] = Array.isArray(arenas) ? arenas : [];
  return [...held, arenaOf, startOf, endOf].map(({ buffer }) => buffer);
}

/** Where arenas go when they are full. */
export interface ArenaSink {
  /** Size of an arena; of one for a longer row as much as that takes. */
  readonly arenaBytes: number;
  /** The next one; it is the sink's from then on. */
  add(arena: Uint8Array<ArrayBuffer>): void;
  /** Those that were added. */
  readonly arenas: Arenas;
}

/** Keeps them in memory. */
export function memorySink(): ArenaSink {
  const arenas: Uint8Array<ArrayBuffer>[] = [];
  return { arenaBytes: 4 << 20, add: (arena) => arenas.push(arena), arenas };
}

const firstRows = 256;

/** Takes up to 2^32 arenas. */
export class RowPacker {
  readonly #sink: ArenaSink;
  #arena = new Uint8Array(0);
  #arenas = 0;
  #arenaOf = new Uint32Array(firstRows);
  #startOf = new Uint32Array(firstRows);
  #endOf = new Uint32Array(firstRows);
  #size = 0;
  #sizeBytes = 0;
  /** Free from here on in the arena that is filled. */
  #at = 0;

  constructor(sink: ArenaSink = memorySink()) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies the row. Throws what the sink throws. */
  add(row: Uint8Array): void {
    if (this.#size === 0 || this.#at + row.length > this.#arena.length) {
      // Rows without a byte lie in an arena, too.
      if (this.#size > 0) this.#flush();
      this.#arena = new Uint8Array(Math.max(this.#sink.arenaBytes, row.length));
    }
    if (this.#size === this.#startOf.length) this.#grow();
    this.#arena.set(row, this.#at);
    this.#arenaOf[this.#size] = this.#arenas;
    this.#startOf[this.#size] = this.#at;
    this.#at += row.length;
    this.#endOf[this.#size] = this.#at;
    this.#size++;
    this.#sizeBytes += row.length;
  }

  /** Of all rows; none may be added any more. Throws what the sink throws. */
  packed(): PackedRows {
    if (this.#size > 0) this.#flush();
    return {
      size: this.#size,
      sizeBytes: this.#sizeBytes,
      arenas: this.#sink.arenas,
      arenaOf: this.#arenaOf,
      startOf: this.#startOf,
      endOf: this.#endOf,
    };
  }

  #flush(): void {
    this.#sink.add(this.#arena.subarray(0, this.#at));
    this.#arenas++;
    this.#arena = new Uint8Array(0);
    this.#at = 0;
  }

  #grow(): void {
    this.#arenaOf = grown(this.#arenaOf);
    this.#startOf = grown(this.#startOf);
    this.#endOf = grown(this.#endOf);
  }
}

function grown(former: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * former.length);
  larger.set(former);
  return larger;
}
