/** Inferences that a request asks for: the size of its batch. Of requests of tensors alone. Assay's own; Triton counts the same (`inference_count`). */
import type { RecordMetric } from "./metric.ts";

export const numInferences: RecordMetric = {
  tag: "num_inferences",
  header: "Number of Inferences",
  unit: "count",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ inferences }) => inferences,
};
