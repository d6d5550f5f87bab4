import { AssayError } from "../../../common/errors.ts";
import { type RateCurve, steadyRate } from "../rate-curve.ts";

/**
 * Says when requests are due in an open loop: an absolute schedule that starts with the phase, so that lateness never
 * shifts what comes after. A pacer belongs to one phase and is read in order, once.
 */
export interface Pacer {
  /** Due time of the next arrival, ns after the start of the phase; never below the previous one; Infinity when the schedule is over. */
  nextDueNs(): number;
  /**
   * Takes another rate from `atNs` after the start of the phase on, and goes on from where the schedule stands then. Returns what
   * becomes of due times after that moment, those that were read before included. Absent: the schedule has no rate.
   */
  readonly setRate?: (ratePerSec: number, atNs: number) => (dueNs: number) => number;
  /** Requests per second that are asked for at this moment after the start of the phase. Absent: it has no rate that says anything. */
  readonly rateAt?: (ns: number) => number;
}

/** A rate per second, or a curve of it. */
export type Rate = number | RateCurve;

/**
 * Arrivals by a rate. `nextArrival` gives them as a steady rate of 1 would have them: in a number of requests from the start, never
 * below the one before. Throws `invalid_argument` unless a number as rate is above 0.
 */
export function ratedPacer(rate: Rate, nextArrival: () => number): Pacer {
  if (typeof rate === "number" && !(rate > 0)) throw new AssayError("invalid_argument", `rate must be > 0, got ${rate}`);
  let curve = typeof rate === "number" ? steadyRate(rate) : rate;
  return {
    nextDueNs: () => curve.reachedNs(nextArrival()),
    rateAt: (ns) => curve.rateAt(ns),
    setRate: (ratePerSec, atNs) => {
      const before = curve;
      const after = curve.changedAt(atNs, ratePerSec);
      curve = after;
      return (dueNs) => (dueNs <= atNs ? dueNs : after.reachedNs(before.expectedBy(dueNs)));
    },
  };
}
