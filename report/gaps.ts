/** How answers came, chunk by chunk, in a line. Pure. */
import type { MetricStatistics } from "../gen/assay/records_manager/v1/record_pb.js";
import type { PhaseSummary } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { figure, whole, wrap } from "./text.ts";

/** Nothing where no stream had two chunks. Jitter and tokens a chunk are means over requests. */
export function gapLines({ metrics }: PhaseSummary, width: number): string[] {
  const named = new Map(metrics.map((metric) => [metric.tag, metric]));
  const gaps = named.get("inter_chunk_latency");
  if (gaps === undefined) return [];
  const tokens = named.get("tokens_per_chunk")?.avg;
  const jitterMs = named.get("inter_chunk_jitter")?.avg;
  const parts = [
    `Chunk gaps: p50 ${figure(gaps.p50)}, p90 ${figure(gaps.p90)}, p99 ${figure(gaps.p99)}, max ${figure(gaps.max)} ms`,
    ...(jitterMs === undefined ? [] : [`jitter ${figure(jitterMs)} ms`]),
    ...stallParts(named),
    ...(tokens === undefined ? [] : [`${figure(tokens)} tokens a chunk`]),
  ];
  return wrap(parts.join(" · "), width);
}

function counted(count: number, what: string): string {
  return `${whole(count)} ${what}${count === 1 ? "" : "s"}`;
}

function stallParts(named: ReadonlyMap<string, MetricStatistics>): string[] {
  const [count, requests, threshold] = ["stall_count", "stalled_request_count", "stall_threshold"].map(
    (tag) => named.get(tag)?.avg,
  );
  if (count === undefined || threshold === undefined) return [];
  const bound = `from ${figure(threshold)} ms on`;
  if (count === 0) return [`no stall (${bound})`];
  const where = requests === undefined ? "" : ` in ${counted(requests, "request")}`;
  return [`${counted(count, "stall")} (${bound})${where}`];
}
