/** What came of scraping each server's page, as AIPerf's `endpoint_info` has it. */
import type { RunReader } from "../store/run-reader.ts";
import { Float, type JsonObject } from "./json-text.ts";

export interface EndpointInfo {
  readonly url: string;
  /** Scrapes that gave values. */
  readonly fetches: number;
  /** `wall` = a moment of the suite's clock as wall time. */
  readonly json: (wall: (ns: number) => bigint) => JsonObject;
}

/** By URL. */
export function endpointInfos(reader: RunReader): EndpointInfo[] {
  const servers = reader.telemetrySources().filter(({ kind }) => kind === "server");
  return servers.map(({ name }) => infoOf(reader, name)).sort((one, other) => (one.url < other.url ? -1 : 1));
}

function infoOf(reader: RunReader, url: string): EndpointInfo {
  const fetchedNs: number[] = [];
  const updatedNs: number[] = [];
  let latencyNs = 0;
  let before = "";
  for (const { startNs, endNs, values } of reader.scrapes("server", url)) {
    if (values === undefined) continue;
    fetchedNs.push(endNs);
    latencyNs += endNs - startNs;
    const text = JSON.stringify(values);
    if (text !== before) updatedNs.push(endNs);
    before = text;
  }
  const fetches = fetchedNs.length;
  const gaps = updatedNs.slice(1).map((ns, at) => ns - (updatedNs[at] ?? ns));
  gaps.sort((one, other) => one - other);
  const [first = 0, last = 0] = [updatedNs[0], updatedNs.at(-1)];
  const middle = ((gaps[Math.floor((gaps.length - 1) / 2)] ?? 0) + (gaps[Math.floor(gaps.length / 2)] ?? 0)) / 2;
  return {
    url,
    fetches,
    json: (wall) =>
      fetches === 0
        ? { total_fetches: 0 }
        : {
            total_fetches: fetches,
            first_fetch_ns: wall(fetchedNs[0] ?? 0),
            last_fetch_ns: wall(fetchedNs.at(-1) ?? 0),
            avg_fetch_latency_ms: new Float(latencyNs / fetches / 1e6),
            unique_updates: updatedNs.length,
            first_update_ns: wall(first),
            last_update_ns: wall(last),
            duration_seconds: new Float((last - first) / 1e9),
            avg_update_interval_ms: new Float(gaps.length === 0 ? 0 : (last - first) / gaps.length / 1e6),
            median_update_interval_ms: new Float(middle / 1e6),
          },
  };
}
