import type { Window } from "../core/telemetry/points.ts";
import type { RunReader } from "../store/run-reader.ts";

/** The phases of a kind that have begun, each from begin to end; one that nobody ended goes on to the last scrape. */
export function windowsOfKind({ reader }: { readonly reader: RunReader }, kind: "warmup" | "profiling"): Window[] {
  return reader.phases().flatMap((phase) => {
    const { startedNs, endedNs } = phase;
    if (phase.kind !== kind || startedNs === undefined) return [];
    return [{ startNs: startedNs, endNs: endedNs ?? Math.max(startedNs, reader.lastScrapeNs() ?? startedNs) }];
  });
}
