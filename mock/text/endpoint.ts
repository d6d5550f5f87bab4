/** What the APIs of this server have of their own; everything else about their requests and answers is the same. */
import type { StreamEvents } from "./events.ts";
import type { Refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";

export interface Prompt {
  readonly tokens: number;
  /** Answers asked for, each with its own `index`; of data how many pieces of it. */
  readonly choices: number;
  /** Length of an answer that is not made of tokens: how many pieces a stream of it comes in. Absent: tokens, as many as are asked for. */
  readonly pieces?: number;
  /** What is answered is data, though it is as long as if it were tokens. Absent: so it is where there are `pieces`. */
  readonly isData?: boolean;
  /** How vectors are to look. */
  readonly vectors?: VectorForm;
}

export interface VectorForm {
  readonly dimensions: number;
  readonly isBase64: boolean;
}

export type RequestJson = Readonly<Record<string, unknown>>;

export interface MockEndpoint {
  /** Tells endpoints apart. */
  readonly name: string;
  /** False: a request names no model, and the server's first one answers. */
  readonly namesModel: boolean;
  /** The fields that set the answer's length; the first that is given counts. */
  readonly lengthFields: readonly string[];
  /** Streams have usage where `stream_options.include_usage` asks for it, or always. */
  readonly usageOfStreams: "asked" | "always";
  /** Reads the prompt out of a request's JSON. */
  readPrompt(json: RequestJson): Prompt | Refusal;
  /** The prompts' texts, for the prefix cache; only of JSON that `readPrompt` took. */
  textsOf(json: RequestJson): string[];
  /** The events of a model's streams; undefined: there are no streams. */
  streamEvents: ((model: string, hasStamps: boolean) => StreamEvents) | undefined;
  /** What a stream is. Absent: events. */
  readonly streamType?: string;
  /** Whether a stream ends with `[DONE]`. */
  readonly hasDone: boolean;
  /** The body of an answer that is not streamed, with `marks` for what its identity says; a stamp only with `hasStamps`. */
  wholeBody(request: TextRequest, hasStamps: boolean): string;
  /** The body of a refusal. */
  errorBody(why: Refusal): string;
  /** A refusal as events of a stream. */
  errorEvents(why: Refusal): string;
}

/** `length` when the request set the length, `stop` when the server did. */
export type FinishReason = "length" | "stop";

/** `ceil(UTF-8 bytes / 4)`: cheap, the same everywhere, and no tokenizer's count. */
export function tokensOfBytes(bytes: number): number {
  return Math.ceil(bytes / 4);
}

/** `tokensOfBytes` of texts together. */
export function tokensOfTexts(texts: readonly string[]): number {
  return tokensOfBytes(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0));
}
