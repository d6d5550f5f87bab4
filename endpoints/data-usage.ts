/** Token counts of answers that are not made of tokens. Pure. */
import type { Usage } from "../metrics/metric.ts";
import type { JsonObject } from "./json-body.ts";
import { usageOf } from "./openai/usage.ts";

/** Where a target names the total alone, all of it is input. */
export function inputUsage(answer: JsonObject): Usage | undefined {
  const usage = usageOf(answer);
  return usage === undefined ? undefined : { ...usage, promptTokens: usage.promptTokens ?? usage.totalTokens };
}
