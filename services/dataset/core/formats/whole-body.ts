/** A turn whose body the file has: it is sent as it is. Pure. */
import { factsOfBody } from "../../../../endpoints/body-facts.ts";
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { type RowTurn, shownValue } from "./row.ts";

/**
 * @param body as it was parsed
 * @param text as it stands in the file; absent: written anew
 */
export function turnOfBody(body: JsonObject, text = JSON.stringify(body)): RowTurn {
  return {
    messages: [],
    maxOutputTokens: factsOfBody(body).maxOutputTokens,
    model: undefined,
    extraInputs: undefined,
    delayMs: 0,
    timestampMs: undefined,
    rawBody: text,
    isSelfContained: true,
  };
}

/** Why a body cannot be one of a text API, for people; undefined: it can. */
export function bodyProblem(body: JsonObject): string | undefined {
  if (Array.isArray(body.messages) || body.prompt !== undefined || body.input !== undefined) return undefined;
  return `expected a request's body, with a list of messages, a prompt or an input, got ${shownValue(body)}`;
}
