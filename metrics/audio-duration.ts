/**
 * Seconds of audio in the request; undefined where there is none, or its length is not known. Name: AIPerf, `audio_duration`.
 */
import type { RecordMetric } from "./metric.ts";

export const audioDuration: RecordMetric = {
  tag: "audio_duration",
  header: "Audio Duration",
  unit: "sec",
  consoleOrder: undefined,
  isLargerBetter: true,
  value: ({ audioSeconds }) => audioSeconds,
};
