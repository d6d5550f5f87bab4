/**
 * Answers of an API that nobody described: where the content is says a JMESPath expression, or it is looked for. Streams of events and of
 * lines are told by their content type; what marks their end is unknown, so they are complete where the body is.
 */
import type { ParsedResponse, RawResponse } from "../endpoint.ts";
import { type AnswerRules, type EventMeaning, parseAnswer } from "../event-stream.ts";
import { isJsonObject, type JsonObject } from "../json-body.ts";
import { usageOf } from "../openai/usage.ts";
import type { ReasoningTags } from "../reasoning-tags.ts";
import { errorWords, requestError } from "../target-error.ts";
import { contentOf, detectContent } from "./detect.ts";
import { found } from "./jmespath.ts";

/** @param responseField JMESPath of the content; empty, or AIPerf's `text`: it is looked for */
export function parseUnknown(
  response: RawResponse,
  responseField: string,
  reasoningTags: ReasoningTags | undefined,
): ParsedResponse {
  const field = responseField === "text" ? "" : responseField;
  const { read, documentOf } = createReader(field, response.contentType);
  const isLines = /ndjson|jsonl/i.test(response.contentType);
  const parsed = parseAnswer(response, read, undefined, { isLines, isEndUnmarked: true, documentOf, reasoningTags });
  if (field === "" || parsed.error?.code !== "empty") return parsed;
  return { ...parsed, error: requestError("parse", "parse", `the answer has nothing at ${field}`) };
}

interface UnknownReader extends Required<Pick<AnswerRules, "documentOf">> {
  read(event: JsonObject): EventMeaning;
}

/** A document may be any JSON, and of the type text/plain a text; events are objects. */
function createReader(field: string, contentType: string): UnknownReader {
  let document: unknown;
  return {
    documentOf(parsed, text) {
      const isText = parsed === undefined && /^text\/plain/i.test(contentType) && text.trim() !== "";
      document = isText ? { text } : parsed;
      return isJsonObject(document) ? document : document === undefined ? undefined : {};
    },
    read(event) {
      const value = document ?? event;
      const content = field === "" ? detectContent(value) : contentOf(found(value, field));
      return {
        outputText: content !== undefined && "text" in content ? content.text : "",
        reasoningText: "",
        finishReason: undefined,
        usage: usageOf(event),
        errorWords: errorWords(event),
        ...(content !== undefined && "pieces" in content ? { outputCount: content.pieces } : {}),
      };
    },
  };
}
