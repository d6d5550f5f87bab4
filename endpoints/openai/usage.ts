/**
 * Token counts out of what a target says of them. OpenAI's names first, then those of the Responses API and of Anthropic, and of
 * vendors that send their own through compatible endpoints: DeepSeek, Mistral, Cohere, Google (Gemini), Amazon (Bedrock), IBM (watsonx), xAI.
 */
import type { Usage } from "../../metrics/metric.ts";
import { countedUsage } from "../counts.ts";
import { isJsonObject, type JsonObject } from "../json-body.ts";

/**
 * Of an answer, wherever it says it: `usage`, Gemini's `usageMetadata`, Cohere's `meta`, Groq's `x_groq.usage`, and llama.cpp's `timings`, which come
 * without being asked for. Undefined where no count is named: `"usage": null` stands in every chunk but the last.
 */
export function usageOf({ usage, usageMetadata, meta, x_groq: groq, timings }: JsonObject): Usage | undefined {
  const said = readUsage(usage) ?? readUsage(usageMetadata) ?? readUsage(meta);
  if (said !== undefined) return said;
  if (isJsonObject(groq)) return readUsage(groq.usage);
  return isJsonObject(timings) ? timedUsage(timings) : undefined;
}

/** `prompt_n` leaves out what came from the cache. */
function timedUsage({ prompt_n: prompt, cache_n: cached, predicted_n: predicted }: JsonObject): Usage | undefined {
  const inputTokens = count(prompt);
  return countedUsage(inputTokens === undefined ? undefined : inputTokens + (count(cached) ?? 0), predicted, cached);
}

/** Undefined where there is no usage or it names no count. */
export function readUsage(given: unknown): Usage | undefined {
  if (!isJsonObject(given)) return undefined;
  // Cohere counts in an object inside.
  const usage: JsonObject = isJsonObject(given.tokens) ? { ...given.tokens, ...given } : given;
  const promptTokens = firstCount(usage, promptNames);
  const ownTokens = completionOf(usage);
  const totalTokens = firstCount(usage, totalNames);
  if (promptTokens === undefined && ownTokens === undefined && totalTokens === undefined) return undefined;
  const inputDetails = detailsOf(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const outputDetails = detailsOf(usage.completion_tokens_details ?? usage.output_tokens_details);
  const reasoningTokens = count(outputDetails.reasoning_tokens) ?? firstCount(usage, reasoningNames);
  return {
    promptTokens,
    completionTokens: withReasoning(ownTokens, reasoningTokens, { promptTokens, totalTokens }),
    totalTokens,
    reasoningTokens,
    cachedPromptTokens: count(inputDetails.cached_tokens) ?? firstCount(usage, cacheReadNames),
    ...onlyGiven({
      cacheWritePromptTokens: count(inputDetails.cache_write_tokens) ?? firstCount(usage, cacheWriteNames),
      cacheMissPromptTokens: count(usage.prompt_cache_miss_tokens),
      promptAudioTokens: count(inputDetails.audio_tokens),
      // Mistral sends an empty object where there is no audio.
      promptAudioSeconds: count(usage.prompt_audio_seconds),
      completionAudioTokens: count(outputDetails.audio_tokens),
      toolUsePromptTokens: count(usage.toolUsePromptTokenCount),
      acceptedPredictionTokens: count(outputDetails.accepted_prediction_tokens),
      rejectedPredictionTokens: count(outputDetails.rejected_prediction_tokens),
    }),
  };
}

const promptNames = ["prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "input_token_count"];
const completionNames = ["completion_tokens", "output_tokens", "outputTokens", "generated_token_count"];
const totalNames = ["total_tokens", "totalTokenCount", "totalTokens"];
const reasoningNames = ["reasoning_tokens", "thoughtsTokenCount"];
const cacheReadNames = [
  "cache_read_input_tokens",
  "prompt_cache_hit_tokens",
  "cachedContentTokenCount",
  "cacheReadInputTokens",
  "cached_tokens",
];
const cacheWriteNames = ["cache_creation_input_tokens", "cacheWriteInputTokens"];

/** Reasoning included, as everybody but Gemini and xAI counts. */
function completionOf(usage: JsonObject): number | undefined {
  const candidates = count(usage.candidatesTokenCount);
  if (candidates === undefined) return firstCount(usage, completionNames);
  return candidates + (count(usage.thoughtsTokenCount) ?? 0);
}

/** xAI counts reasoning beside the completion, under OpenAI's names: only its total, which is of all three, tells. */
function withReasoning(
  completion: number | undefined,
  reasoning: number | undefined,
  { promptTokens, totalTokens }: Pick<Usage, "promptTokens" | "totalTokens">,
): number | undefined {
  if (completion === undefined || reasoning === undefined || promptTokens === undefined) return completion;
  return totalTokens === promptTokens + completion + reasoning ? completion + reasoning : completion;
}

function detailsOf(details: unknown): JsonObject {
  return isJsonObject(details) ? details : {};
}

function firstCount(usage: JsonObject, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = count(usage[name]);
    if (value !== undefined) return value;
  }
  return undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Most usages have none of these: the fields are left out. */
function onlyGiven<T extends Readonly<Record<string, number | undefined>>>(counts: T): { readonly [K in keyof T]?: number } {
  const given: { [K in keyof T]?: number } = {};
  for (const name of Object.keys(counts) as (keyof T)[]) {
    const value = counts[name];
    if (value !== undefined) given[name] = value;
  }
  return given;
}
