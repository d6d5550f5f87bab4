/** Quantiles of a histogram by the rule of Prometheus' `histogram_quantile`, with how far they may be off. */

/** Observations up to a bound, those of all smaller buckets included. */
export interface Bucket {
  /** Upper bound; Infinity: the last one. */
  readonly le: number;
  readonly count: number;
}

export interface Quantile {
  readonly value: number;
  /** Width of the bucket that it lies in: the true quantile is within it. Infinity: beyond the largest bound, the value is that bound. */
  readonly error: number;
}

/**
 * The `q`-quantile (0 < q < 1): observations lie evenly within a bucket, the first one begins at 0 where its bound is above. `buckets` ascend and
 * end with Infinity. Undefined: there are no observations, or no bucket but the last.
 * Formula: prometheus/promql `BucketQuantile`.
 */
export function histogramQuantile(q: number, buckets: readonly Bucket[]): Quantile | undefined {
  const last = buckets.at(-1);
  if (buckets.length < 2 || last?.le !== Number.POSITIVE_INFINITY || !(last.count > 0)) return undefined;
  const rank = q * last.count;
  const place = buckets.findIndex(({ count }) => count >= rank);
  const bucket = buckets[place];
  const below = buckets[place - 1];
  if (bucket === undefined) return undefined;
  if (bucket === last) return { value: below?.le ?? 0, error: Number.POSITIVE_INFINITY };
  if (below === undefined && bucket.le <= 0) return { value: bucket.le, error: Number.POSITIVE_INFINITY };
  const start = below?.le ?? 0;
  const width = bucket.le - start;
  const before = below?.count ?? 0;
  return { value: start + width * ((rank - before) / (bucket.count - before)), error: width };
}
