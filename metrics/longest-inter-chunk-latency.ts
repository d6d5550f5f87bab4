/** Longest inter-chunk latency: longest gap between neighbouring chunks with content, the longest that a reader of the answer waited in it. */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const longestInterChunkLatency: RecordMetric = {
  tag: "longest_inter_chunk_latency",
  header: "Longest Inter Chunk Latency",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value({ contentNs, isStreaming }) {
    if (!isStreaming || contentNs.length < 2) return undefined;
    let longestNs = 0;
    for (let index = 1; index < contentNs.length; index++) {
      longestNs = Math.max(longestNs, (contentNs[index] as number) - (contentNs[index - 1] as number));
    }
    return milliseconds(longestNs);
  },
};
