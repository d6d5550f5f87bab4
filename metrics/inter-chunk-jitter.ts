/**
 * Inter-chunk jitter: mean of |gap − gap before| over the gaps between neighbouring chunks with content; needs three of them. How unevenly an
 * answer comes, whatever its pace. The difference is that of RFC 3550 (D of 6.4.1), as a mean instead of its running estimate.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const interChunkJitter: RecordMetric = {
  tag: "inter_chunk_jitter",
  header: "Inter Chunk Jitter",
  unit: "ms",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["streaming"],
  value({ contentNs, isStreaming }) {
    if (!isStreaming || contentNs.length < 3) return undefined;
    let sumNs = 0;
    for (let index = 2; index < contentNs.length; index++) {
      const [first, second, third] = [contentNs[index - 2] as number, contentNs[index - 1] as number, contentNs[index] as number];
      sumNs += Math.abs(third - 2 * second + first);
    }
    return milliseconds(sumNs / (contentNs.length - 2));
  },
};
