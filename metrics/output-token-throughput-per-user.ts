/**
 * Output token throughput per user: 1 / inter-token latency in seconds. Not defined where all tokens came in one read.
 * Formula and name: AIPerf, `output_token_throughput_per_user`.
 */
import { interTokenLatency } from "./inter-token-latency.ts";
import type { RecordMetric } from "./metric.ts";
import { ratePerSec } from "./units.ts";

export const outputTokenThroughputPerUser: RecordMetric = {
  tag: "output_token_throughput_per_user",
  header: "Output Token Throughput Per User",
  unit: "tokens/sec/user",
  consoleOrder: 500,
  isLargerBetter: true,
  flags: ["streaming"],
  value: (facts) => ratePerSec(1, interTokenLatency.value(facts)),
};
