/**
 * Output count: what an answer holds that is no text: vectors, ranked passages, images, videos. Of text how many answers to choose from came
 * (`n`, several prompts), where there is more than one.
 */
import type { RecordMetric } from "./metric.ts";

export const outputCount: RecordMetric = {
  tag: "output_count",
  header: "Output Count",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ outputs }) => outputs,
};
