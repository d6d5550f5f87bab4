/** The text of an answer that a run has kept. */
import type { Endpoint } from "../../../endpoints/endpoint.ts";
import { decodeReads } from "../../common/chunk-stamps.ts";
import type { RawAnswer } from "../../common/metric-record.ts";
import { contentTypeOf, parsedHeaders } from "./response-headers.ts";

export interface AnsweredRequest {
  readonly status: number;
  /** A stream was asked for. */
  readonly isStreaming: boolean;
}

/** Reasoning in front, names and arguments of tool calls included; undefined: none came. */
export function answerText(raw: RawAnswer, { status, isStreaming }: AnsweredRequest, endpoint: Endpoint): string | undefined {
  const { payload, reads, responseHeaders } = raw;
  if (payload.length === 0) return undefined;
  const contentType = contentTypeOf(parsedHeaders(responseHeaders));
  const { outputText, reasoningText } = endpoint.parse({ status, contentType, payload, ...decodeReads(reads), isStreaming });
  return reasoningText + outputText || undefined;
}
