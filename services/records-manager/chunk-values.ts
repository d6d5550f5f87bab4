/** What summaries take of chunks of rows. */
import type { Column } from "./core/column.ts";
import type { RowChunk } from "./store/chunk-reader.ts";

/** What a chunk must begin with for `successesOf`. */
export const OUTCOME_COLUMNS = ["is_cancelled", "error_code"] as const;

/** For every place of a chunk 1 where its request succeeded. */
export function successesOf({ columns: [isCancelled, errorCode] }: RowChunk): Uint8Array {
  const successes = new Uint8Array(isCancelled?.length ?? 0);
  for (let place = 0; place < successes.length; place++) {
    if (isCancelled?.[place] === 0 && Number.isNaN(errorCode?.[place])) successes[place] = 1;
  }
  return successes;
}

/** Calls `visit` with every place of a chunk whose phase is known, and what is known of that. */
export function forEachOf<Known>(
  { phases }: RowChunk,
  byPhase: ReadonlyMap<number, Known>,
  visit: (place: number, known: Known) => void,
): void {
  let phase = Number.NaN;
  let known: Known | undefined;
  for (let place = 0; place < phases.length; place++) {
    if (phases[place] !== phase) {
      phase = phases[place] as number;
      known = byPhase.get(phase);
    }
    if (known !== undefined) visit(place, known);
  }
}

/** Adds the values of a chunk's column to those of their phases. `isTaken`: 1 for the places that count; undefined: all. */
export function pushValues(
  { phases, columns }: RowChunk,
  index: number,
  isTaken: Uint8Array | undefined,
  columnOf: (phase: number) => Column | undefined,
): void {
  const values = columns[index];
  if (values === undefined) return;
  let phase = Number.NaN;
  let column: Column | undefined;
  for (let place = 0; place < values.length; place++) {
    const value = values[place] as number;
    if (Number.isNaN(value) || isTaken?.[place] === 0) continue;
    if (phases[place] !== phase) {
      phase = phases[place] as number;
      column = columnOf(phase);
    }
    column?.push(value);
  }
}
