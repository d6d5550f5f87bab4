/** Usage out of counts that stand beside the text under names of a server's own. Pure. */
import type { Usage } from "../metrics/metric.ts";

/** Undefined where none of them is a count. */
export function countedUsage(prompt: unknown, completion: unknown, cached?: unknown): Usage | undefined {
  const [promptTokens, completionTokens] = [countOf(prompt), countOf(completion)];
  if (promptTokens === undefined && completionTokens === undefined) return undefined;
  const isWhole = promptTokens !== undefined && completionTokens !== undefined;
  return {
    promptTokens,
    completionTokens,
    totalTokens: isWhole ? promptTokens + completionTokens : undefined,
    reasoningTokens: undefined,
    cachedPromptTokens: countOf(cached),
  };
}

/** A number that counts something. */
export function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
