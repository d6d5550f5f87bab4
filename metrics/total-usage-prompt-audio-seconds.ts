/**
 * Sum of `usage_prompt_audio_seconds` over the succeeded requests. Name: AIPerf, `total_usage_prompt_audio_seconds`.
 */
import type { RunMetric } from "./metric.ts";
import { usagePromptAudioSeconds } from "./usage-prompt-audio-seconds.ts";

export const totalUsagePromptAudioSeconds: RunMetric = {
  tag: "total_usage_prompt_audio_seconds",
  header: "Total Usage Prompt Audio Seconds",
  unit: "sec",
  consoleOrder: undefined,
  isLargerBetter: true,
  group: "hidden",
  value: ({ sum }) => sum(usagePromptAudioSeconds.tag),
};
