/** The values of one series over time, and the parts of it that belong to a phase. */

/** Of one series, in order of time. */
export interface Points {
  /** When each was scraped, on the suite's clock. */
  readonly ns: Float64Array;
  /** As many. */
  readonly values: Float64Array;
  /** When its page was scraped without it, of several times in a row the first: what comes back later may be another, which begins anew. */
  readonly absentNs: Float64Array;
}

/** A phase, or a slice of one, on the suite's clock. */
export interface Window {
  readonly startNs: number;
  readonly endNs: number;
}

/** How long before its start, and after its end, the scrapes that enclose a window may be: AIPerf's wait for the last one. */
const ENCLOSING_NS = 2e9;

/** The points scraped within the window. */
export function pointsWithin({ ns, values, absentNs }: Points, { startNs, endNs }: Window): Points {
  const from = firstAtOrAfter(ns, startNs);
  const to = firstAtOrAfter(ns, endNs + 1);
  return { ns: ns.subarray(from, to), values: values.subarray(from, to), absentNs };
}

/**
 * What a counter needs of a window: the last point at or before its start, those within, and the first at or after its end, the outer ones
 * where they are near enough. Two of them at least, or none.
 */
export function pointsAround({ ns, values, absentNs }: Points, { startNs, endNs }: Window): Points {
  const opening = firstAtOrAfter(ns, startNs + 1) - 1;
  const from = opening >= 0 && (ns[opening] as number) >= startNs - ENCLOSING_NS ? opening : opening + 1;
  const closing = firstAtOrAfter(ns, endNs);
  const isInTime = closing < ns.length && (ns[closing] as number) <= endNs + ENCLOSING_NS;
  const to = isInTime ? closing + 1 : closing;
  const end = to - from < 2 ? from : to;
  return { ns: ns.subarray(from, end), values: values.subarray(from, end), absentNs };
}

/** Whether the series was absent from a scrape after the one moment and before the other. */
export function wasAbsent({ absentNs }: Points, fromNs: number, toNs: number): boolean {
  return (absentNs[firstAtOrAfter(absentNs, fromNs + 1)] ?? Number.POSITIVE_INFINITY) < toNs;
}

/** Values of several series of one source at the moments of `ns`; NaN: there was none at that moment. */
export function alignedTo(ns: Float64Array, points: Points): Float64Array {
  const aligned = new Float64Array(ns.length).fill(Number.NaN);
  let at = 0;
  for (let place = 0; place < ns.length; place++) {
    const moment = ns[place] as number;
    while (at < points.ns.length && (points.ns[at] as number) < moment) at++;
    if (points.ns[at] === moment) aligned[place] = points.values[at] as number;
  }
  return aligned;
}

/** Index of the first moment that is not before `moment`; as many as there are: none. */
export function firstAtOrAfter(ns: Float64Array, moment: number): number {
  let low = 0;
  let high = ns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ns[middle] as number) < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
