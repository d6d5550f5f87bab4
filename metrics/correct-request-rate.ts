/** Correct request rate: 100 · correct / (correct + incorrect), of the succeeded requests whose answers were checked (`--check`). Assay's own. */
import type { RunMetric } from "./metric.ts";

export const correctRequestRate: RunMetric = {
  tag: "correct_request_rate",
  header: "Correct Request Rate",
  unit: "%",
  consoleOrder: 1090,
  isLargerBetter: true,
  flags: ["no_record"],
  value: ({ correctRequestCount: correct, incorrectRequestCount: incorrect }) =>
    correct === undefined || incorrect === undefined ? undefined : (100 * correct) / (correct + incorrect),
};
