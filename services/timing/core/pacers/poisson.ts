import { AssayError } from "../../../common/errors.ts";
import type { Pacer } from "./pacer.ts";

/**
 * A Poisson process: gaps are exponential with mean 1/rate, the first arrival one gap after the start of the phase.
 * `random` gives uniform numbers in [0, 1); the same sequence gives the same schedule. Throws `invalid_argument` unless rate > 0.
 */
export function poissonPacer(ratePerSec: number, random: () => number): Pacer {
  if (!(ratePerSec > 0)) throw new AssayError("invalid_argument", `rate must be > 0, got ${ratePerSec}`);
  let dueNs = 0;
  return {
    nextDueNs: () => {
      dueNs += (-Math.log(1 - random()) * 1e9) / ratePerSec;
      return dueNs;
    },
  };
}
