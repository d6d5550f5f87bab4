/**
 * Inter-chunk latency: every gap between consecutive chunks with content; 0 where two came in one read. A chunk is not a token.
 * Formula and name: AIPerf, `inter_chunk_latency`.
 */
import type { ListMetric } from "./metric.ts";

export const interChunkLatency: ListMetric = {
  tag: "inter_chunk_latency",
  header: "Inter Chunk Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  values: (contentNs) => contentNs.subarray(1).map((ns, index) => (ns - (contentNs[index] ?? ns)) / 1e6),
};
