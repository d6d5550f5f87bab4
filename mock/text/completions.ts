/** `/v1/completions`, the older API: a prompt, or a list of prompts with a choice for each, as text or as tokens. Pure. */
import { textOfValue } from "./ascii-json.ts";
import { choiceEndpoint } from "./choices.ts";
import { tokensOfBytes } from "./endpoint.ts";
import { refusal } from "./refusal.ts";

const maxPrompts = 1024;

const form = {
  name: "completions",
  idPrefix: "cmpl-",
  wholeObject: "text_completion",
  eventObject: "text_completion",
  openingChoice: undefined,
  contentChoice: (index: number, text: string) => `{"index":${index},"text":"${text}","logprobs":null,"finish_reason":null}`,
  finishChoice: (index: number, reason: string) => `{"index":${index},"text":"","logprobs":null,"finish_reason":"${reason}"}`,
  wholeChoice: (index: number, text: string, reason: string) =>
    `{"index":${index},"text":"${text}","logprobs":null,"finish_reason":"${reason}"}`,
};

export const completions = choiceEndpoint(form, {
  lengthFields: ["max_tokens"],
  readPrompt({ prompt, echo = false }) {
    const prompts = promptsOf(prompt);
    if (prompts.length > maxPrompts)
      return refusal(400, `prompt must be ${maxPrompts} prompts at most, got ${prompts.length}`, "prompt");
    if (prompts.length === 0 || !prompts.every((one) => typeof one === "string" || isTokens(one))) {
      return refusal(400, "prompt must be a text, a list of tokens, or a list of one or more such", "prompt");
    }
    if (echo !== null && echo !== false) return refusal(400, `echo must be false, got ${textOfValue(echo)}`, "echo");
    return { tokens: prompts.reduce<number>((sum, one) => sum + tokensOf(one), 0), choices: prompts.length };
  },
  textsOf: ({ prompt }) => promptsOf(prompt).map(String),
});

function promptsOf(prompt: unknown): readonly unknown[] {
  return Array.isArray(prompt) && !isTokens(prompt) ? prompt : [prompt];
}

function isTokens(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isInteger);
}

function tokensOf(prompt: unknown): number {
  return isTokens(prompt) ? prompt.length : tokensOfBytes(Buffer.byteLength(String(prompt)));
}
