/**
 * Sum of `usage_completion_audio_tokens` over the succeeded requests. Name: AIPerf, `total_usage_completion_audio_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usageCompletionAudioTokens } from "./usage-completion-audio-tokens.ts";

export const totalUsageCompletionAudioTokens: RunMetric = {
  tag: "total_usage_completion_audio_tokens",
  header: "Total Usage Completion Audio Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usageCompletionAudioTokens.tag),
};
