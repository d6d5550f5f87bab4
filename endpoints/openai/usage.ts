/**
 * Token counts out of a `usage` object. OpenAI's names first, then those of the Responses API and of the vendors that
 * send their own through compatible endpoints (DeepSeek, Anthropic).
 */
import type { Usage } from "../../metrics/metric.ts";
import { isJsonObject, type JsonObject } from "../json-body.ts";

/** Undefined where there is no usage or it names no count: `"usage": null` stands in every chunk but the last. */
export function readUsage(usage: unknown): Usage | undefined {
  if (!isJsonObject(usage)) return undefined;
  const inputDetails = detailsOf(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const outputDetails = detailsOf(usage.completion_tokens_details ?? usage.output_tokens_details);
  const promptTokens = firstCount(usage.prompt_tokens, usage.input_tokens);
  const completionTokens = firstCount(usage.completion_tokens, usage.output_tokens);
  const totalTokens = firstCount(usage.total_tokens);
  if (promptTokens === undefined && completionTokens === undefined && totalTokens === undefined) return undefined;
  return {
    promptTokens,
    completionTokens,
    totalTokens,
    reasoningTokens: firstCount(outputDetails.reasoning_tokens, usage.reasoning_tokens),
    cachedPromptTokens: firstCount(inputDetails.cached_tokens, usage.cache_read_input_tokens, usage.prompt_cache_hit_tokens),
  };
}

function detailsOf(details: unknown): JsonObject {
  return isJsonObject(details) ? details : {};
}

function firstCount(...values: readonly unknown[]): number | undefined {
  return values.find((value): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0);
}
