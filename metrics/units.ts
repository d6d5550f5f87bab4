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
