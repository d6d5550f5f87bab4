/**
 * Time. Durations are differences of two readings of one host's CLOCK_MONOTONIC, in nanoseconds as a JS number
 * (exact to 1 ns for 104 days of uptime, to 2 ns after that). Readings of two processes of one host may be
 * compared, since it is the same clock; readings of two hosts only through a measured offset.
 * Wall time is read once per process, for labels.
 */

/** Nanoseconds on a host's CLOCK_MONOTONIC. */
export type MonotonicNs = number;
/** Nanoseconds since the Unix epoch. */
export type WallNs = number;

// performance.now() and hrtime read the same kernel clock; performance.now() is the cheaper call and gives a
// number, but counts from process start. This offset is constant for the life of the process.
const processStartNs = measureProcessStartNs();

// The first use of `performance` loads it, which takes about 1 ms, so a single pair of readings would shift this
// process against every other one of the host by that much. Of several bracketed readings the tightest counts.
function measureProcessStartNs(): number {
  let startNs = 0;
  let tightestNs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const beforeNs = Number(process.hrtime.bigint());
    const sinceStartNs = performance.now() * 1e6;
    const afterNs = Number(process.hrtime.bigint());
    if (afterNs - beforeNs >= tightestNs) continue;
    tightestNs = afterNs - beforeNs;
    startNs = (beforeNs + afterNs) / 2 - sinceStartNs;
  }
  return startNs;
}

/** Reads CLOCK_MONOTONIC now. */
export function monotonicNs(): MonotonicNs {
  return processStartNs + performance.now() * 1e6;
}

const wallMinusMonotonicNs = Date.now() * 1e6 - monotonicNs();

/** The wall-clock label of a monotonic reading of this host, by the one anchor taken at process start. */
export function wallOfMonotonic(ns: MonotonicNs): WallNs {
  return ns + wallMinusMonotonicNs;
}

/** How far the wall clock has run ahead of CLOCK_MONOTONIC since process start: a suspend, or a step of the wall clock. */
export function wallAheadNs(): number {
  return Date.now() * 1e6 - wallOfMonotonic(monotonicNs());
}
