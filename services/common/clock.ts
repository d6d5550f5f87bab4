/**
 * Time. Durations are differences of two readings of one host's CLOCK_MONOTONIC, in nanoseconds as a JS number
 * (exact to 1 ns for 104 days of uptime, to 2 ns after that). Readings of two processes of one host may be
 * compared, since it is the same clock; readings of two hosts only through a measured offset.
 * Wall time is read once per process, for labels.
 */
import { uptime } from "node:os";

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

/** What a `SuspendWatch` reads. */
export interface SuspendClocks {
  readonly monotonicNs: () => MonotonicNs;
  readonly wallNs: () => WallNs;
  /** Nanoseconds since the host was booted, the time that it was suspended included; some 50 µs, and exact to 10 ms. */
  readonly uptimeNs: () => number;
}

/** The wall clock may run ahead by so much between two looks before the uptime is read, which costs more. */
const SUSPECTED_NS = 0.1e9;

/**
 * Sees that the host was suspended, in which CLOCK_MONOTONIC stands still. The wall clock alone does not tell: somebody may have set it.
 * A suspend during which it was set back by as much is not seen.
 */
export class SuspendWatch {
  readonly #clocks: SuspendClocks;
  readonly #uptimeMinusMonotonicNs: number;
  #wallMinusMonotonicNs: number;
  #suspendedNs = 0;

  constructor(clocks: SuspendClocks) {
    this.#clocks = clocks;
    this.#uptimeMinusMonotonicNs = clocks.uptimeNs() - clocks.monotonicNs();
    this.#wallMinusMonotonicNs = clocks.wallNs() - clocks.monotonicNs();
  }

  /** How long the host has been suspended since this watch was made, exact to some 10 ms. */
  suspendedNs(): number {
    const { monotonicNs, wallNs, uptimeNs } = this.#clocks;
    const now = monotonicNs();
    const wallMinusMonotonicNs = wallNs() - now;
    if (wallMinusMonotonicNs - this.#wallMinusMonotonicNs > SUSPECTED_NS) {
      this.#suspendedNs = Math.max(this.#suspendedNs, uptimeNs() - monotonicNs() - this.#uptimeMinusMonotonicNs);
    }
    this.#wallMinusMonotonicNs = wallMinusMonotonicNs;
    return this.#suspendedNs;
  }
}

const hostSuspends = new SuspendWatch({
  monotonicNs,
  wallNs: () => Date.now() * 1e6,
  uptimeNs: () => uptime() * 1e9,
});

/** How long the host has been suspended since process start; setting the wall clock is no suspend. */
export function suspendedNs(): number {
  return hostSuspends.suspendedNs();
}
