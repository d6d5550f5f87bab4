/**
 * What the server says it took to make the video. Name: AIPerf, `video_inference_time`.
 */
import type { RecordMetric } from "./metric.ts";

export const videoInferenceTime: RecordMetric = {
  tag: "video_inference_time",
  header: "Video Inference Time",
  unit: "ms",
  consoleOrder: 310,
  isLargerBetter: false,
  value: ({ videoInferenceSec: seconds }) => (seconds === undefined ? undefined : seconds * 1000),
};
