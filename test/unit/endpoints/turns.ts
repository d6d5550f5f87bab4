/** Turns to format, and what became of them. */
import type { Endpoint, TurnInput } from "../../../endpoints/endpoint.ts";

export const plainTurn: TurnInput = {
  model: "llama",
  messages: [{ role: "user", content: "grüß dich 🚂" }],
  maxOutputTokens: undefined,
  isStreaming: false,
  extraInputs: {},
};

export function bodyText(endpoint: Endpoint, changes: Partial<TurnInput> = {}): string {
  return Buffer.from(endpoint.formatBody({ ...plainTurn, ...changes })).toString();
}

export function bodyOf(endpoint: Endpoint, changes: Partial<TurnInput> = {}): Record<string, unknown> {
  return JSON.parse(bodyText(endpoint, changes));
}
