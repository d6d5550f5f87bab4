/** From what a record holds to what metrics show. Undefined in, undefined out. */

/** Nanoseconds to milliseconds. */
export function milliseconds(ns: number): number;
export function milliseconds(ns: number | undefined): number | undefined;
export function milliseconds(ns: number | undefined): number | undefined {
  return ns === undefined ? undefined : ns / 1e6;
}

/** Bytes to KB of 1024 bytes. */
export function kilobytes(sizeBytes: number): number {
  return sizeBytes / 1024;
}

/** An amount per second of a time in ms; undefined for a time of zero, which has no rate. */
export function ratePerSec(amount: number | undefined, timeMs: number | undefined): number | undefined {
  return amount === undefined || timeMs === undefined || timeMs <= 0 ? undefined : (amount * 1000) / timeMs;
}

/** One amount by another; undefined where one of them is, or the other is 0. */
export function ratioOf(amount: number | undefined, by: number | undefined): number | undefined {
  return amount === undefined || by === undefined || by === 0 ? undefined : amount / by;
}

/** As `ratioOf`, in percent. */
export function percentOf(amount: number | undefined, by: number | undefined): number | undefined {
  return ratioOf(amount === undefined ? undefined : 100 * amount, by);
}

/** How far a count is from another one, in percent of that. */
export function differencePct(count: number | undefined, from: number | undefined): number | undefined {
  return count === undefined || from === undefined ? undefined : percentOf(Math.abs(count - from), from);
}

export function plusOne(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value + 1;
}
