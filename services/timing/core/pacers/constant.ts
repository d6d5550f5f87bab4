import { type Pacer, type Rate, ratedPacer } from "./pacer.ts";

/** Arrivals 1/rate apart, the first at the start of the phase. Throws as `ratedPacer`. */
export function constantPacer(rate: Rate): Pacer {
  let n = 0;
  // A count, not a sum: errors of rounding do not add up over millions of arrivals.
  return ratedPacer(rate, () => n++);
}
