/** How evenly moments lie: the index of dispersion of their counts, and the correlation of neighbouring gaps. */

/** Requests in a bin on average: enough that the dispersion of gamma arrivals is near its limit, 1/smoothness. */
export const BIN_SENDS = 10;
/** Bins are no shorter: what timers and the network do within less is told by the lateness. */
export const BIN_MIN_NS = 10e6;
/** Below it the dispersion of pure chance would be known to ±0.32 only. */
export const MIN_BINS = 20;

export interface Grid {
  readonly originNs: number;
  readonly binNs: number;
  readonly bins: number;
}

/** Variance over mean of the counts of `moments` in the bins of `grid`. What lies outside is left out; NaN where nothing lies inside. */
export function dispersionOf(moments: Float64Array, { originNs, binNs, bins }: Grid): number {
  const counts = new Float64Array(bins);
  for (const moment of moments) {
    const bin = Math.floor((moment - originNs) / binNs);
    if (bin >= 0 && bin < bins) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  let sum = 0;
  let squares = 0;
  for (const count of counts) {
    sum += count;
    squares += count * count;
  }
  const mean = sum / bins;
  return (squares / bins - mean * mean) / mean;
}

/** Correlation of each gap between ascending `moments` with the next one, −1 to 1; 0 where all gaps are equal. */
export function neighbourCorrelation(moments: Float64Array): number {
  const gaps = moments.length - 1;
  if (gaps < 2) return 0;
  const mean = ((moments[gaps] as number) - (moments[0] as number)) / gaps;
  let variance = 0;
  let covariance = 0;
  let before = 0;
  for (let index = 0; index < gaps; index++) {
    const off = (moments[index + 1] as number) - (moments[index] as number) - mean;
    variance += off * off;
    if (index > 0) covariance += before * off;
    before = off;
  }
  // Equal gaps differ by what a double cannot hold of a moment.
  return variance <= gaps * ROUNDING_NS * ROUNDING_NS ? 0 : covariance / variance;
}

const ROUNDING_NS = 2;
