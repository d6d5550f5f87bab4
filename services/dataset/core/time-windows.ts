/** When the sessions of a dataset begin, in figures. Pure. */

/** Both bounds are included; undefined: no bound. */
export interface TimeWindow {
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
}

export interface WindowCount {
  /** Sessions that begin within the window. */
  readonly sessions: number;
  /** The last moment before it and the next one behind it, ms; undefined: there is none. */
  readonly beforeMs: number | undefined;
  readonly afterMs: number | undefined;
}

/** Moments are compared in whole µs, as timing does, which gets them so. */
export function countWithin(momentsMs: Float64Array, { startMs, endMs }: TimeWindow): WindowCount {
  const startUs = (startMs ?? Number.NEGATIVE_INFINITY) * 1e3;
  const endUs = (endMs ?? Number.POSITIVE_INFINITY) * 1e3;
  let sessions = 0;
  let beforeMs: number | undefined;
  let afterMs: number | undefined;
  for (const atMs of momentsMs) {
    const atUs = Math.round(atMs * 1e3);
    if (atUs < startUs) beforeMs = Math.max(beforeMs ?? atMs, atMs);
    else if (atUs > endUs) afterMs = Math.min(afterMs ?? atMs, atMs);
    else sessions++;
  }
  return { sessions, beforeMs, afterMs };
}

/** The least and the greatest; 0 of none. */
export function rangeOf(momentsMs: Float64Array): { readonly firstMs: number; readonly lastMs: number } {
  const [first = 0] = momentsMs;
  const range = { firstMs: first, lastMs: first };
  for (const atMs of momentsMs) {
    range.firstMs = Math.min(range.firstMs, atMs);
    range.lastMs = Math.max(range.lastMs, atMs);
  }
  return range;
}
