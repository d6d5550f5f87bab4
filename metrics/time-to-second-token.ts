/**
 * Time to second token: second chunk with content − first. It shows the first decode step apart from the prefill.
 * Formula and name: AIPerf, `time_to_second_token`.
 */
import type { RecordMetric } from "./metric.ts";
import { milliseconds } from "./units.ts";

export const timeToSecondToken: RecordMetric = {
  tag: "time_to_second_token",
  header: "Time to Second Token",
  unit: "ms",
  consoleOrder: 200,
  isLargerBetter: false,
  flags: ["streaming"],
  value: ({ contentNs, isStreaming }) => {
    const first = contentNs[0];
    const second = contentNs[1];
    return isStreaming && first !== undefined && second !== undefined ? milliseconds(second - first) : undefined;
  },
};
