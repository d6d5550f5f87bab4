/** What the two APIs of text have of their own; everything else about their requests and answers is the same. */
import type { Refusal } from "./refusal.ts";

export interface Prompt {
  readonly tokens: number;
  /** Answers asked for, each with its own `index`. */
  readonly choices: number;
}

export interface MockEndpoint {
  readonly idPrefix: string;
  /** The `object` of an answer, and of a streamed event. */
  readonly wholeObject: string;
  readonly eventObject: string;
  /** The fields that set the answer's length; the first that is given counts. */
  readonly lengthFields: readonly string[];
  /** Reads the prompt out of a request's JSON. */
  readPrompt(json: Readonly<Record<string, unknown>>): Prompt | Refusal;
  /** The prompts' texts, for the prefix cache; only of JSON that `readPrompt` took. */
  textsOf(json: Readonly<Record<string, unknown>>): string[];
  /** JSON of the event's choice that opens a stream, if one does. */
  readonly openingChoice: string | undefined;
  /** JSON of an event's choice with some content. Here and below `text` needs no escapes. */
  contentChoice(index: number, text: string): string;
  /** JSON of the event's choice that says why the answer ends. */
  finishChoice(index: number, reason: FinishReason): string;
  /** JSON of a whole answer's choice. */
  wholeChoice(index: number, text: string, reason: FinishReason): string;
}

/** `length` when the request set the length, `stop` when the server did. */
export type FinishReason = "length" | "stop";

/** `ceil(UTF-8 bytes / 4)`: cheap, the same everywhere, and no tokenizer's count. */
export function tokensOfBytes(bytes: number): number {
  return Math.ceil(bytes / 4);
}
