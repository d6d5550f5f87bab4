/**
 * Seconds of audio in the prompt, as the server's last usage says. Name: AIPerf, `usage_prompt_audio_seconds`.
 */
import type { RecordMetric } from "./metric.ts";

export const usagePromptAudioSeconds: RecordMetric = {
  tag: "usage_prompt_audio_seconds",
  header: "Usage Prompt Audio Seconds",
  unit: "sec",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ usage }) => usage?.promptAudioSeconds,
};
