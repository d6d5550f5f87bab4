import { AssayError } from "../../../common/errors.ts";
import type { RandomStream } from "../../../common/random.ts";
import { type Pacer, type Rate, ratedPacer } from "./pacer.ts";

/**
 * Gaps by a gamma distribution of this shape k and mean 1/rate (scale 1/(rate · k)), the first arrival one gap after the start of the
 * phase: 1 is Poisson, below 1 arrivals come in bunches, above 1 evenly. Throws `invalid_argument` unless shape is above 0, and as `ratedPacer`.
 */
export function gammaPacer(rate: Rate, shape: number, random: RandomStream): Pacer {
  if (!(shape > 0)) throw new AssayError("invalid_argument", `smoothness must be > 0, got ${shape}`);
  let arrivals = 0;
  return ratedPacer(rate, () => {
    arrivals += gamma(shape, random) / shape;
    return arrivals;
  });
}

/** Of scale 1. Below shape 1 by a draw of shape + 1 and a power of a uniform one: its logarithm is an exponential draw. */
function gamma(shape: number, random: RandomStream): number {
  if (shape < 1) return gammaAboveOne(shape + 1, random) * Math.exp(-random.exponential() / shape);
  return gammaAboveOne(shape, random);
}

/** Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
function gammaAboveOne(shape: number, random: RandomStream): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < x ** 2 / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}
