import { type RateStretch, steady } from "./rate-curve.ts";

/** How a quantity of a phase gets from one value to another, from the start of the phase on. */
export interface Ramp {
  readonly from: number;
  readonly to: number;
  readonly durationNs: number;
  /** linear; exponential: by the same factor in equal times, both values above 0; step: `steps` equal jumps, the last one at the end. */
  readonly shape: "linear" | "exponential" | "step";
  /** Jumps of a stepped ramp, at least 1. */
  readonly steps: number;
}

/** The stretches of a rate that ramps; after them it is steady at `to`. */
export function rampStretches({ from, to, durationNs, shape, steps }: Ramp): RateStretch[] {
  if (shape !== "step") return [{ durationNs, fromPerSec: from, toPerSec: to, shape }];
  return Array.from({ length: steps }, (_, step) => steady(from + ((to - from) * step) / steps, durationNs / steps));
}

/** The whole number that a limit has so long after the start: it reaches `to` at the end and not before, from below or from above. */
export function rampLevel(ramp: Ramp, ns: number): number {
  const { from, to, durationNs } = ramp;
  if (ns >= durationNs) return to;
  const value = valueAt(ramp, ns);
  // A level that was just reached is not to be missed by a rounding error.
  return to > from ? Math.floor(value + 1e-9) : Math.ceil(value - 1e-9);
}

/** The next moment, ns after the start and after `ns`, at which the level changes; Infinity: never again. */
export function nextLevelNs(ramp: Ramp, ns: number): number {
  const { from, to, durationNs, shape, steps } = ramp;
  if (ns >= durationNs || from === to) return Number.POSITIVE_INFINITY;
  if (shape === "step") return ((Math.floor((ns / durationNs) * steps + 1e-9) + 1) * durationNs) / steps;
  const level = rampLevel(ramp, ns) + (to > from ? 1 : -1);
  const isBeyond = to > from ? level >= to : level <= to;
  return isBeyond ? durationNs : Math.max(ns, reachedNs(ramp, level));
}

function valueAt({ from, to, durationNs, shape, steps }: Ramp, ns: number): number {
  const share = Math.max(0, ns) / durationNs;
  switch (shape) {
    case "linear":
      return from + (to - from) * share;
    case "exponential":
      return from * (to / from) ** share;
    case "step":
      return from + ((to - from) * Math.floor(share * steps + 1e-9)) / steps;
  }
}

function reachedNs({ from, to, durationNs, shape }: Ramp, value: number): number {
  const share = shape === "exponential" ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  return share * durationNs;
}
