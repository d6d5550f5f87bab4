/** What the bodies of OpenAI's text endpoints have in common. */

import type { TurnInput } from "../endpoint.ts";
import { isJsonObject } from "../json-body.ts";
import type { TagOptions } from "../reasoning-tags.ts";

export interface BodyOptions extends TagOptions {
  /** Ask a stream for its token counts (`stream_options.include_usage`). Default true. */
  readonly includeUsage?: boolean;
}

/** The endpoint's own fields under the turn's extra inputs, which are merged shallowly, and the stream options on top. */
export function completeBody(
  own: Readonly<Record<string, unknown>>,
  { extraInputs }: TurnInput,
  { includeUsage = true }: BodyOptions,
): Record<string, unknown> {
  const body: Record<string, unknown> = { ...own, ...extraInputs };
  // Decided after the extra inputs: they may switch the stream off, and servers refuse stream options without one.
  const wanted = body.stream_options ?? {};
  if (body.stream === true && includeUsage && isJsonObject(wanted)) {
    body.stream_options = { include_usage: true, ...wanted };
  }
  return body;
}
