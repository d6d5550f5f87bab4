/** Reads the body of a request for text. Fields that this server does not know are ignored. Pure. */

import { maxTokensOfAnswer } from "../options/table.ts";
import type { UsageMode } from "../options.ts";
import { isObject, textOfValue } from "./ascii-json.ts";
import type { FinishReason, MockEndpoint, RequestJson, VectorForm } from "./endpoint.ts";
import { isRefusal, type Refusal, refusal, unknownModel } from "./refusal.ts";

/** What there is to know of a request to give it an answer of the right length in the right time, and to count it. */
export interface AnswerRequest {
  readonly model: string;
  readonly isStreaming: boolean;
  /** Answers asked for, with an index each. */
  readonly choices: number;
  /** Length of each of them. */
  readonly tokens: number;
  readonly finishReason: FinishReason;
  readonly hasUsage: boolean;
  readonly promptTokens: number;
  /** How many of them were in the prefix cache; `undefined` without one. */
  readonly cachedTokens: number | undefined;
  /** What is answered is data: `tokens` counts the pieces of it, and no token is generated. Absent: tokens. */
  readonly isData?: boolean;
}

/** A request of HTTP that is going to be answered. */
export interface TextRequest extends AnswerRequest {
  readonly endpoint: MockEndpoint;
  readonly vectors?: VectorForm;
}

export interface ReadDeps {
  readonly usage: UsageMode;
  /** Models that are served; empty: any. */
  readonly models: readonly string[];
  /** The length of the answer if the request asks for none. */
  readonly ownLength: () => number;
  /** Looks the prompts up in the prefix cache and remembers them; `undefined` without one. */
  readonly cachedTokens: ((texts: readonly string[]) => number) | undefined;
}

/** The JSON object of a body, or why there is none. */
export function readJson(body: string): { readonly json: RequestJson } | Refusal {
  try {
    const json: unknown = JSON.parse(body);
    return isObject(json) ? { json } : refusal(400, "request body must be a JSON object");
  } catch (error) {
    return refusal(400, `request body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function readTextRequest(endpoint: MockEndpoint, json: RequestJson, deps: ReadDeps): TextRequest | Refusal {
  const { stream = false } = json;
  const model = endpoint.namesModel ? json.model : (deps.models[0] ?? "mock");
  if (typeof model !== "string" || model === "") return refusal(400, "model must be a text", "model");
  if (deps.models.length > 0 && !deps.models.includes(model)) return unknownModel(model);
  const prompt = endpoint.readPrompt(json);
  if (isRefusal(prompt)) return prompt;
  if (stream !== null && typeof stream !== "boolean") return refusal(400, "stream must be true or false", "stream");
  if (stream === true && endpoint.streamEvents === undefined) return refusal(400, "stream must be false here", "stream");
  if (prompt.pieces === undefined && json.n !== undefined && json.n !== null && json.n !== 1) {
    return refusal(400, `n must be 1, got ${textOfValue(json.n)}`, "n");
  }
  const lengthField = endpoint.lengthFields.find((field) => json[field] !== undefined && json[field] !== null);
  const longest = Math.floor(maxTokensOfAnswer / prompt.choices);
  const asked = lengthField === undefined ? undefined : json[lengthField];
  if (lengthField !== undefined && !isTokenCount(asked, longest)) {
    return refusal(400, `${lengthField} must be an integer from 1 to ${longest}, got ${textOfValue(asked)}`, lengthField);
  }
  const isStreaming = stream === true;
  const isAsked =
    !isStreaming ||
    endpoint.usageOfStreams === "always" ||
    (isObject(json.stream_options) && json.stream_options.include_usage === true);
  return {
    endpoint,
    model,
    isStreaming,
    choices: prompt.choices,
    tokens: prompt.pieces ?? (typeof asked === "number" ? asked : Math.min(deps.ownLength(), longest)),
    isData: prompt.isData ?? prompt.pieces !== undefined,
    finishReason: lengthField === undefined ? "stop" : "length",
    hasUsage: deps.usage === "always" || (deps.usage === "asked" && isAsked),
    promptTokens: prompt.tokens,
    cachedTokens: deps.cachedTokens?.(endpoint.textsOf(json)),
    ...(prompt.vectors === undefined ? {} : { vectors: prompt.vectors }),
  };
}

function isTokenCount(value: unknown, longest: number): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= longest;
}
