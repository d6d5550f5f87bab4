/** The round trip of the network over a stretch of a run, from the handshakes that the hosts of its workers probed. Pure. */

/** Round trips between one host and one target, in order of time, ms. */
export interface RoundTrips {
  readonly ns: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/**
 * The mean of all handshakes from `fromNs` to `toNs`, whichever host and target they are of; where none ended then, of the last one of each before.
 * Undefined: there is none.
 */
export function meanRoundTripMs(trips: readonly RoundTrips[], fromNs: number, toNs: number): number | undefined {
  let sum = 0;
  let count = 0;
  for (const { ns, values } of trips) {
    for (let at = 0; at < ns.length; at++) {
      const moment = ns[at] as number;
      if (moment < fromNs || moment > toNs) continue;
      sum += values[at] as number;
      count++;
    }
  }
  if (count > 0) return sum / count;
  const before = trips.flatMap(({ ns, values }) => {
    let last = -1;
    while (last + 1 < ns.length && (ns[last + 1] as number) < fromNs) last++;
    return last < 0 ? [] : [values[last] as number];
  });
  return before.length === 0 ? undefined : before.reduce((total, value) => total + value, 0) / before.length;
}
