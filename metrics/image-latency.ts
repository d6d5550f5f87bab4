/**
 * Image latency: request latency / number of images. Formula and name: AIPerf, `image_latency`.
 */
import type { RecordMetric } from "./metric.ts";
import { requestLatency } from "./request-latency.ts";
import { ratioOf } from "./units.ts";

export const imageLatency: RecordMetric = {
  tag: "image_latency",
  header: "Image Latency",
  unit: "ms/image",
  consoleOrder: 861,
  isLargerBetter: false,
  value: (facts) => ratioOf(requestLatency.value(facts), facts.images),
};
