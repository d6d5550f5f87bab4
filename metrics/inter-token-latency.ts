/**
 * Inter-token latency: (request latency − time to first token) / (output sequence length − 1); needs two output tokens. A mean per
 * request, which other tools call TPOT. Formula and name: AIPerf, `inter_token_latency`. Of several choices (`n`) the length is that of the
 * mean one: they are made side by side.
 */
import { decodeDuration } from "./decode-duration.ts";
import type { RecordMetric } from "./metric.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";

export const interTokenLatency: RecordMetric = {
  tag: "inter_token_latency",
  header: "Inter Token Latency",
  unit: "ms",
  consoleOrder: 400,
  isLargerBetter: false,
  flags: ["streaming"],
  value: (facts) => {
    const decodeMs = decodeDuration.value(facts);
    const tokens = outputSequenceLength.value(facts);
    const length = tokens === undefined ? undefined : tokens / facts.choices;
    return decodeMs === undefined || length === undefined || length < 2 ? undefined : decodeMs / (length - 1);
  },
};
