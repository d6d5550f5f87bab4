/**
 * End-to-end output token throughput: output sequence length / request latency in seconds; unlike the throughput per user it
 * includes the wait for the first token. Formula and name: AIPerf, `e2e_output_token_throughput`.
 */
import type { RecordMetric } from "./metric.ts";
import { outputSequenceLength } from "./output-sequence-length.ts";
import { requestLatency } from "./request-latency.ts";
import { ratePerSec } from "./units.ts";

export const e2eOutputTokenThroughput: RecordMetric = {
  tag: "e2e_output_token_throughput",
  header: "E2E Output Token Throughput",
  unit: "tokens/sec/user",
  consoleOrder: 510,
  isLargerBetter: true,
  value: (facts) => ratePerSec(outputSequenceLength.value(facts), requestLatency.value(facts)),
};
