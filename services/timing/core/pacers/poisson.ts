import type { RandomStream } from "../../../common/random.ts";
import { type Pacer, type Rate, ratedPacer } from "./pacer.ts";

/**
 * A Poisson process: gaps are exponential with mean 1/rate, the first arrival one gap after the start of the phase. The same stream
 * gives the same schedule. Throws as `ratedPacer`.
 */
export function poissonPacer(rate: Rate, random: Pick<RandomStream, "exponential">): Pacer {
  let arrivals = 0;
  return ratedPacer(rate, () => {
    arrivals += random.exponential();
    return arrivals;
  });
}
