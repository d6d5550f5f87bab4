/**
 * Audio tokens of the prompt, as the server's last usage says. Name: AIPerf, `usage_prompt_audio_tokens`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptAudioTokens: RecordMetric = {
  tag: "usage_prompt_audio_tokens",
  header: "Usage Prompt Audio Tokens",
  unit: "tokens",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.promptAudioTokens,
};
