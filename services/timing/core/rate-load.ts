/** From a load by rate to the pacer that plays it. Pure. */
import { ArrivalPattern, type RateLoad } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { randomStream } from "../../common/random.ts";
import { burstPacer } from "./pacers/bursts.ts";
import { constantPacer } from "./pacers/constant.ts";
import { gammaPacer } from "./pacers/gamma.ts";
import type { Pacer, Rate } from "./pacers/pacer.ts";
import { poissonPacer } from "./pacers/poisson.ts";
import { type Ramp, rampStretches } from "./ramp.ts";
import { rateCurve, rateSeries, steady } from "./rate-curve.ts";

/** `ramp`: of the rate. `seed`: of the run. What is drawn for one phase moves nothing that is drawn for another. Throws `invalid_argument` as the pacers do. */
export function pacerOf(load: RateLoad, ramp: Ramp | undefined, seed: number, phase: number): Pacer {
  const { pattern, smoothness, bursts } = load;
  if (bursts !== undefined) return burstPacer(bursts.size / bursts.intervalSec, bursts.size);
  const rate = ramp === undefined ? rateOf(load) : rateCurve([...rampStretches(ramp), steady(ramp.to)]);
  if (pattern === ArrivalPattern.CONSTANT) return constantPacer(rate);
  const random = randomStream(seed, "arrivals", phase);
  return pattern === ArrivalPattern.GAMMA ? gammaPacer(rate, smoothness ?? 1, random) : poissonPacer(rate, random);
}

function rateOf({ ratePerSec, series }: RateLoad): Rate {
  if (series.length === 0) return ratePerSec;
  return rateSeries(series.map(({ atSec, ratePerSec: perSec }) => ({ atNs: atSec * 1e9, perSec })));
}
