import { AssayError } from "../../../common/errors.ts";
import type { Pacer } from "./pacer.ts";

/** Arrivals 1/rate apart, the first at the start of the phase. Throws `invalid_argument` unless rate > 0. */
export function constantPacer(ratePerSec: number): Pacer {
  if (!(ratePerSec > 0)) throw new AssayError("invalid_argument", `rate must be > 0, got ${ratePerSec}`);
  let n = 0;
  return {
    // A product, not a sum: errors of rounding do not add up over millions of arrivals.
    nextDueNs: () => (n++ * 1e9) / ratePerSec,
  };
}
