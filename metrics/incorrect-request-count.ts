/** Succeeded requests whose answers are not what is expected of them (`--check`); undefined where none was checked. Assay's own. */
import type { RunMetric } from "./metric.ts";

export const incorrectRequestCount: RunMetric = {
  tag: "incorrect_request_count",
  header: "Incorrect Request Count",
  unit: "requests",
  consoleOrder: undefined,
  isLargerBetter: false,
  flags: ["no_record"],
  value: ({ incorrectRequestCount: count }) => count,
};
