/** Succeeded requests whose answers are what is expected of them (`--check`); undefined where none was checked. Assay's own. */
import type { RunMetric } from "./metric.ts";

export const correctRequestCount: RunMetric = {
  tag: "correct_request_count",
  header: "Correct Request Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: true,
  flags: ["no_record"],
  value: ({ correctRequestCount: count }) => count,
};
