/**
 * Audio tokens of the answer, as the server's last usage says. Name: AIPerf, `usage_completion_audio_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usageCompletionAudioTokens: RecordMetric = {
  tag: "usage_completion_audio_tokens",
  header: "Usage Completion Audio Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.completionAudioTokens,
};
