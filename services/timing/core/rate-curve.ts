/**
 * A rate that changes over time, and its integral both ways. An arrival that a steady rate of 1 would have "after so many" is due at the
 * moment by which the curve expects so many: that change of time is exact, for a grid as for random arrivals.
 */

/** A part of a curve: from one rate to another, per second. */
export interface RateStretch {
  /** May be Infinity, for a steady one. */
  readonly durationNs: number;
  readonly fromPerSec: number;
  readonly toPerSec: number;
  /** exponential: by the same factor in equal times; then both rates are above 0. */
  readonly shape: "linear" | "exponential";
}

export interface RateCurve {
  /** How many requests are expected from the start of the phase to this moment. */
  expectedBy(ns: number): number;
  /** The earliest moment by which so many are expected, ns after the start of the phase; Infinity: never. */
  reachedNs(expected: number): number;
  /** Requests per second at this moment after the start of the phase. */
  rateAt(ns: number): number;
  /** The same up to `ns`, from there on steady at another rate. */
  changedAt(ns: number, ratePerSec: number): RateCurve;
}

/** The same rate for ever. */
export function steadyRate(perSec: number): RateCurve {
  return rateCurve([steady(perSec)]);
}

/** A stretch of one rate. */
export function steady(perSec: number, durationNs = Number.POSITIVE_INFINITY): RateStretch {
  return { durationNs, fromPerSec: perSec, toPerSec: perSec, shape: "linear" };
}

/** Straight lines from point to point; the first point's rate before it, the last one's for ever. Two points of one moment are a jump. */
export function rateSeries(points: readonly { readonly atNs: number; readonly perSec: number }[]): RateCurve {
  const stretches: RateStretch[] = [];
  let before = { atNs: 0, perSec: points[0]?.perSec ?? 0 };
  for (const point of points) {
    const durationNs = point.atNs - before.atNs;
    stretches.push({ durationNs, fromPerSec: before.perSec, toPerSec: point.perSec, shape: "linear" });
    before = point;
  }
  return rateCurve([...stretches, steady(before.perSec)]);
}

/** Stretches one after the other, from the start of the phase on; the last one is steady and never ends. */
export function rateCurve(stretches: readonly RateStretch[]): RateCurve {
  const parts: Part[] = [];
  let atNs = 0;
  let expected = 0;
  for (const stretch of stretches) {
    if (stretch.durationNs <= 0) continue;
    parts.push({ stretch, atNs, expected });
    atNs += stretch.durationNs;
    expected += expectedWithin(stretch, stretch.durationNs);
  }
  return {
    expectedBy: (ns) => {
      const part = lastPart(parts, (candidate) => candidate.atNs <= ns);
      return part.expected + expectedWithin(part.stretch, Math.max(0, ns - part.atNs));
    },
    reachedNs: (wanted) => {
      // Not by `<=`: what is expected by the end of a stretch is reached there, not after a pause that may follow.
      const part = lastPart(parts, (candidate) => candidate.expected < wanted);
      return part.atNs + reachedWithin(part.stretch, Math.max(0, wanted - part.expected));
    },
    rateAt: (ns) => {
      const part = lastPart(parts, (candidate) => candidate.atNs <= ns);
      return rateWithin(part.stretch, Math.max(0, ns - part.atNs));
    },
    changedAt: (ns, ratePerSec) => rateCurve([...stretchesUntil(parts, ns), steady(ratePerSec)]),
  };
}

interface Part {
  readonly stretch: RateStretch;
  /** Where it begins, and how many are expected by then. */
  readonly atNs: number;
  readonly expected: number;
}

/** The last part of which `isBefore` holds, by bisection; the first one where it holds of none. */
function lastPart(parts: readonly Part[], isBefore: (part: Part) => boolean): Part {
  let low = 0;
  let high = parts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isBefore(parts[middle] as Part)) low = middle;
    else high = middle - 1;
  }
  return parts[low] as Part;
}

function stretchesUntil(parts: readonly Part[], ns: number): RateStretch[] {
  return parts
    .filter(({ atNs }) => atNs < ns)
    .map(({ stretch, atNs }) => {
      const durationNs = Math.min(stretch.durationNs, ns - atNs);
      return {
        ...stretch,
        durationNs,
        toPerSec: durationNs < stretch.durationNs ? rateWithin(stretch, durationNs) : stretch.toPerSec,
      };
    });
}

function rateWithin({ fromPerSec, toPerSec, durationNs, shape }: RateStretch, ns: number): number {
  if (fromPerSec === toPerSec) return fromPerSec;
  const share = ns / durationNs;
  return shape === "linear" ? fromPerSec + (toPerSec - fromPerSec) * share : fromPerSec * (toPerSec / fromPerSec) ** share;
}

/** The integral of the rate over the first `ns` of a stretch. */
function expectedWithin({ fromPerSec, toPerSec, durationNs, shape }: RateStretch, ns: number): number {
  if (fromPerSec === toPerSec) return fromPerSec === 0 ? 0 : (fromPerSec * ns) / 1e9;
  if (shape === "linear") return ((fromPerSec + ((toPerSec - fromPerSec) * ns) / (2 * durationNs)) * ns) / 1e9;
  const growth = Math.log(toPerSec / fromPerSec) / durationNs;
  return (fromPerSec * Math.expm1(growth * ns)) / growth / 1e9;
}

/** Its inverse. */
function reachedWithin({ fromPerSec, toPerSec, durationNs, shape }: RateStretch, expected: number): number {
  if (expected === 0) return 0;
  if (fromPerSec === toPerSec) return (expected * 1e9) / fromPerSec;
  const scaled = expected * 1e9;
  if (shape === "linear") {
    // Of the two forms of the root this one loses no digits where the slope is small.
    const square = fromPerSec ** 2 + (2 * scaled * (toPerSec - fromPerSec)) / durationNs;
    // Rounding may take it below 0 at the end of a stretch that ends at rate 0.
    const root = Math.sqrt(Math.max(0, square));
    return (2 * scaled) / (fromPerSec + root);
  }
  const growth = Math.log(toPerSec / fromPerSec) / durationNs;
  return Math.log1p((scaled * growth) / fromPerSec) / growth;
}
