/**
 * Sum of `usage_prompt_audio_tokens` over the succeeded requests. Name: AIPerf, `total_usage_prompt_audio_tokens`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptAudioTokens } from "./usage-prompt-audio-tokens.ts";

export const totalUsagePromptAudioTokens: RunMetric = {
  tag: "total_usage_prompt_audio_tokens",
  header: "Total Usage Prompt Audio Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptAudioTokens.tag),
};
