/**
 * Image throughput: number of images / request latency. Formula and name: AIPerf, `image_throughput`.
 */
import type { RecordMetric } from "./metric.ts";
import { requestLatency } from "./request-latency.ts";
import { ratePerSec } from "./units.ts";

export const imageThroughput: RecordMetric = {
  tag: "image_throughput",
  header: "Image Throughput",
  unit: "images/sec",
  consoleOrder: 860,
  isLargerBetter: true,
  value: (facts) => ratePerSec(facts.images, requestLatency.value(facts)),
};
