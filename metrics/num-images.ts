/**
 * Images that the request holds; undefined where it holds none. Name: AIPerf, `num_images`.
 */
import type { RecordMetric } from "./metric.ts";

export const numImages: RecordMetric = {
  tag: "num_images",
  header: "Number of Images",
  unit: "images",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ images }) => images,
};
