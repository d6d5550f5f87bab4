import { AssayError } from "../../../common/errors.ts";
import { type Pacer, type Rate, ratedPacer } from "./pacer.ts";

/**
 * Bursts of `size` arrivals of the same moment, at a mean rate; the first burst at the start of the phase. Throws `invalid_argument`
 * unless size is at least 1, and as `ratedPacer`.
 */
export function burstPacer(rate: Rate, size: number): Pacer {
  if (!(size >= 1)) throw new AssayError("invalid_argument", `size of bursts must be >= 1, got ${size}`);
  let n = 0;
  const { nextDueNs, setRate } = ratedPacer(rate, () => {
    const burst = Math.floor(n++ / size);
    return burst * size;
  });
  // The mean is asked for at no moment.
  return { nextDueNs, ...(setRate && { setRate }) };
}
