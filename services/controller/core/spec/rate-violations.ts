import {
  ArrivalPattern,
  type BurstLoad,
  ConcurrencyUnit,
  Overload,
  type RateLoad,
  type RatePoint,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { isBeyond, leastSmoothness, mostOfBurst, mostPerSec } from "../../../common/most-load.ts";
import type { Demand } from "./demand.ts";

/** A load by rate, with its defaults. */
export function checkRate(load: RateLoad, at: string, demand: Demand): void {
  const { ratePerSec: rate, series, bursts, pattern, smoothness, concurrencyCeiling: ceiling, overload } = load;
  if (pattern === ArrivalPattern.CONCURRENCY_BURST) checkConcurrencyBurst(load, at, demand);
  else if (bursts !== undefined) checkBursts(load, bursts, `${at}.bursts`, demand);
  else if (series.length > 0) checkSeries(series, rate, `${at}.series`, demand);
  else {
    demand(rate > 0 && Number.isFinite(rate), `${at}.rate_per_sec`, `must be above 0, got ${rate}`);
    demand(!isBeyond(rate, mostPerSec), `${at}.rate_per_sec`, `must be at most ${mostPerSec}, got ${rate}`);
  }
  const isBounded = ceiling !== undefined;
  demand(load.ceilingUnit === ConcurrencyUnit.UNSPECIFIED || isBounded, `${at}.ceiling_unit`, "needs a concurrency ceiling");
  demand(overload !== Overload.DROP || isBounded, `${at}.overload`, "needs a concurrency ceiling to drop at");
  demand(!isBounded || ceiling >= 1, `${at}.concurrency_ceiling`, `must be at least 1, got ${ceiling}`);
  if (smoothness === undefined) return;
  demand(pattern === ArrivalPattern.GAMMA, `${at}.smoothness`, `needs the gamma pattern, got ${smoothness}`);
  demand(smoothness > 0 && Number.isFinite(smoothness), `${at}.smoothness`, `must be above 0, got ${smoothness}`);
  const isTooBursty = smoothness > 0 && smoothness < leastSmoothness;
  demand(!isTooBursty, `${at}.smoothness`, `must be at least ${leastSmoothness}, got ${smoothness}`);
}

function checkConcurrencyBurst({ ratePerSec, series, bursts, ...load }: RateLoad, at: string, demand: Demand): void {
  const hasRate = ratePerSec !== 0 || series.length > 0 || bursts !== undefined;
  demand(!hasRate, `${at}.pattern`, "must be another one than concurrency_burst: there is a rate");
  demand(load.concurrencyCeiling !== undefined, `${at}.concurrency_ceiling`, "is needed by the pattern concurrency_burst");
  demand(load.overload !== Overload.DROP, `${at}.overload`, "must be queue with the pattern concurrency_burst");
}

function checkBursts({ ratePerSec, series, pattern }: RateLoad, bursts: BurstLoad, at: string, demand: Demand): void {
  const { size, intervalSec } = bursts;
  demand(ratePerSec === 0 && series.length === 0, at, "not together with a rate: the bursts are the rate");
  demand(pattern === ArrivalPattern.UNSPECIFIED, at, "not together with a pattern: the bursts are the pattern");
  demand(size >= 1, `${at}.size`, `must be at least 1, got ${size}`);
  demand(!isBeyond(size, mostOfBurst), `${at}.size`, `must be at most ${mostOfBurst}, got ${size}`);
  demand(intervalSec > 0 && Number.isFinite(intervalSec), `${at}.interval_sec`, `must be above 0, got ${intervalSec}`);
  const perSec = size / intervalSec;
  demand(!isBeyond(perSec, mostPerSec), at, `must be at most ${mostPerSec} requests a second, got ${perSec}`);
}

function checkSeries(series: readonly RatePoint[], ratePerSec: number, at: string, demand: Demand): void {
  demand(ratePerSec === 0, at, "not together with rate_per_sec: the series is the rate");
  series.forEach(({ atSec, ratePerSec: rate }, index) => {
    const leastSec = series[index - 1]?.atSec ?? 0;
    const isOrdered = atSec >= leastSec && Number.isFinite(atSec);
    demand(isOrdered, `${at}[${index}].at_sec`, `must be at least ${leastSec}, the point before, got ${atSec}`);
    const isRate = rate >= 0 && Number.isFinite(rate);
    demand(isRate, `${at}[${index}].rate_per_sec`, `must be at least 0, got ${rate}`);
    demand(!isBeyond(rate, mostPerSec), `${at}[${index}].rate_per_sec`, `must be at most ${mostPerSec}, got ${rate}`);
  });
  demand(
    series.some(({ ratePerSec: rate }) => rate > 0),
    at,
    "one of its rates must be above 0",
  );
}
