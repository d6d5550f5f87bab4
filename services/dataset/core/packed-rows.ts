/**
 * Many rows of bytes in few large arrays: they weigh nothing on the garbage collector, and go from one thread to another
 * without being copied. Pure.
 */

export interface PackedRows {
  readonly size: number;
  readonly sizeBytes: number;
  /** Row i is `arenas[arenaOf[i]].subarray(startOf[i], endOf[i])`. The index arrays may be longer than `size`. */
  readonly arenas: readonly Uint8Array<ArrayBuffer>[];
  readonly arenaOf: Uint16Array<ArrayBuffer>;
  readonly startOf: Uint32Array<ArrayBuffer>;
  readonly endOf: Uint32Array<ArrayBuffer>;
}

/** Row `index`, from 0 to below the size; a view, not to be changed. */
export function rowAt({ arenas, arenaOf, startOf, endOf }: PackedRows, index: number): Uint8Array {
  return (arenas[arenaOf[index] as number] as Uint8Array).subarray(startOf[index], endOf[index]);
}

/** What of packed rows can be handed over to another thread; they are then gone here. */
export function transferableOf({ arenas, arenaOf, startOf, endOf }: PackedRows): ArrayBuffer[] {
  return [...arenas, arenaOf, startOf, endOf].map(({ buffer }) => buffer);
}

const arenaBytes = 4 << 20;
const firstRows = 256;

/** Takes up to 2^16 arenas of 4 MiB. */
export class RowPacker {
  readonly #arenas: Uint8Array<ArrayBuffer>[] = [];
  #arenaOf = new Uint16Array(firstRows);
  #startOf = new Uint32Array(firstRows);
  #endOf = new Uint32Array(firstRows);
  #size = 0;
  #sizeBytes = 0;
  /** Free from here on in the last arena. */
  #at = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies the row. */
  add(row: Uint8Array): void {
    if (this.#arenas.length === 0 || this.#at + row.length > (this.#arenas.at(-1)?.length ?? 0)) {
      this.#arenas.push(new Uint8Array(Math.max(arenaBytes, row.length)));
      this.#at = 0;
    }
    if (this.#size === this.#startOf.length) this.#grow();
    this.#arenas.at(-1)?.set(row, this.#at);
    this.#arenaOf[this.#size] = this.#arenas.length - 1;
    this.#startOf[this.#size] = this.#at;
    this.#at += row.length;
    this.#endOf[this.#size] = this.#at;
    this.#size++;
    this.#sizeBytes += row.length;
  }

  packed(): PackedRows {
    return {
      size: this.#size,
      sizeBytes: this.#sizeBytes,
      arenas: this.#arenas,
      arenaOf: this.#arenaOf,
      startOf: this.#startOf,
      endOf: this.#endOf,
    };
  }

  #grow(): void {
    const rows = 2 * this.#size;
    this.#arenaOf = grown(new Uint16Array(rows), this.#arenaOf);
    this.#startOf = grown(new Uint32Array(rows), this.#startOf);
    this.#endOf = grown(new Uint32Array(rows), this.#endOf);
  }
}

function grown<A extends Uint16Array | Uint32Array>(larger: A, former: A): A {
  larger.set(former);
  return larger;
}
