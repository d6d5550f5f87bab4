import type { Spread } from "../../common/floor.ts";

/** The spread of values in ns, which are sorted in place. NaN where there are none. */
export function spreadOf(ns: Float64Array): Spread {
  ns.sort();
  return { count: ns.length, p50Ms: quantile(ns, 0.5) / 1e6, p99Ms: quantile(ns, 0.99) / 1e6 };
}

/** Linear interpolation between the closest ranks. */
function quantile(sorted: Float64Array, share: number): number {
  const rank = share * (sorted.length - 1);
  const low = Math.floor(rank);
  const below = sorted[low] ?? Number.NaN;
  return below + ((sorted[Math.ceil(rank)] ?? Number.NaN) - below) * (rank - low);
}
