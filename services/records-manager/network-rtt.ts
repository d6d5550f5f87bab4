/** The round trip of the network that latencies are shown without, from what the run was asked for and what its probes measured. */
import { askedNetworkRtt } from "./core/asked-load.ts";
import { meanRoundTripMs } from "./core/network-rtt.ts";
import type { RunReader } from "./store/run-reader.ts";

/** In ms, over a stretch of suite time; undefined: nobody asked for it, or nothing was measured until then. */
export type NetworkRtt = (fromNs: number, toNs: number) => number | undefined;

export function readNetworkRtt(reader: RunReader, spec: string): NetworkRtt {
  const asked = askedNetworkRtt(spec);
  if (asked !== "measured") return () => asked;
  const series = reader.series({ kinds: ["latency"] }).map((row) => row.series);
  const trips = [...reader.seriesPoints(series, 0, Number.MAX_SAFE_INTEGER).values()];
  return (fromNs, toNs) => meanRoundTripMs(trips, fromNs, toNs);
}
