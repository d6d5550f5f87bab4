/** What the streams of every endpoint have in common. Pure but for `Buffer`. */

import type { FinishReason } from "./endpoint.ts";
import { type EventTemplate, httpChunk } from "./event-template.ts";
import type { TextRequest } from "./request.ts";

/** The events of one model's streams at one endpoint; those of the first choice and of single tokens are prebuilt. */
export interface StreamEvents {
  /** Ahead of the first content, if anything is. */
  opening(request: TextRequest): EventTemplate | undefined;
  /** `count` words of the vocabulary from `first` on, behind `before` words of the same answer. */
  content(choice: number, first: number, count: number, before: number): EventTemplate;
  /** Behind the last content of a choice: why it ends, in APIs that say that of each. */
  finish(choice: number, reason: FinishReason): EventTemplate | undefined;
  /** What comes last, where anything does: the counts, if the request has them, with stamps also `assay_received_ns`, from which the server's own times count. */
  ending(request: TextRequest, receivedNs: number): EventTemplate | undefined;
}

/** The end of a chunked body. */
export const bodyEnd = Buffer.from("0\r\n\r\n", "latin1");

/** `data: [DONE]`, in the streams of APIs that end with it. */
export const doneEvent = httpChunk("data: [DONE]\n\n");

/** An event that is not JSON. */
export const garbageEvent = httpChunk('data: {"id":"\n\n');
