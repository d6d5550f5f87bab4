/**
 * Tokens per chunk: output sequence length / chunks with content. 1: a chunk is a token, and gaps between chunks are those between tokens.
 * More: the server sends several tokens at once (speculative decoding, an interval of streaming, a busy loop).
 */
import type { RecordMetric } from "./metric.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";
import { ratioOf } from "./units.ts";

export const tokensPerChunk: RecordMetric = {
  tag: "tokens_per_chunk",
  header: "Tokens per Chunk",
  unit: "ratio",
  consoleOrder: undefined,
  isLargerBetter: true,
  flags: ["streaming"],
  value: (facts) => (facts.isStreaming ? ratioOf(outputSequenceLength.value(facts), facts.contentNs.length) : undefined),
};
