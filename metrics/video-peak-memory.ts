/**
 * What the server says was its largest use of memory. Name: AIPerf, `video_peak_memory`.
 */
import type { RecordMetric } from "./metric.ts";

export const videoPeakMemory: RecordMetric = {
  tag: "video_peak_memory",
  header: "Video Peak Memory",
  unit: "MB",
  consoleOrder: 311,
  isLargerBetter: false,
  value: ({ videoPeakMemoryMb }) => videoPeakMemoryMb,
};
