/**
 * Prefill throughput per user: input sequence length / time to first token in seconds.
 * Formula and name: AIPerf, `prefill_throughput_per_user`.
 */
import { inputSequenceLength } from "./input-sequence-length.ts";
import type { RecordMetric } from "./metric.ts";
import { timeToFirstToken } from "./time-to-first-token.ts";
import { ratePerSec } from "./units.ts";

export const prefillThroughputPerUser: RecordMetric = {
  tag: "prefill_throughput_per_user",
  header: "Prefill Throughput Per User",
  unit: "tokens/sec/user",
  consoleOrder: undefined,
  isLargerBetter: true,
  flags: ["streaming"],
  value: (facts) => ratePerSec(inputSequenceLength.value(facts), timeToFirstToken.value(facts)),
};
