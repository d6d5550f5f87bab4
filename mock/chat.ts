/**
 * What a chat completion looks like: reading the request, and the bytes of the answers, prebuilt as far as possible.
 * Every text made here is ASCII (other characters are escaped in JSON), so its length is its size in bytes.
 *
 * TTFT of this server is the first *content* chunk. The role chunk, whose content is empty, goes out in the same write
 * just before it.
 */
import { type MockOptions, maxTokensOfAnswer } from "./options.ts";

export interface ChatRequest {
  readonly model: string;
  readonly isStreaming: boolean;
  /** Answer length: `max_completion_tokens`, else `max_tokens`, else the server's `osl`. */
  readonly tokens: number;
  /** `length` when the request set the length, `stop` when the server did. */
  readonly finishReason: "length" | "stop";
  readonly hasUsage: boolean;
  /** `ceil(UTF-8 bytes of all message texts / 4)`: cheap, the same everywhere, and no tokenizer's count. */
  readonly promptTokens: number;
}

/** A request that is refused: the HTTP status and the fields of OpenAI's error object. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** Reads a request body. Fields that this server does not know are ignored. */
export function readChatRequest(body: string, options: MockOptions): ChatRequest | Refusal {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    return refusal(400, `request body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(json)) return refusal(400, "request body must be a JSON object");
  const { model, messages, stream = false } = json;
  if (typeof model !== "string" || model === "") return refusal(400, "model must be a text", "model");
  if (options.strictModel && !options.models.includes(model)) {
    return refusal(404, `the model ${model} does not exist`, "model", "model_not_found");
  }
  if (!Array.isArray(messages) || messages.length === 0)
    return refusal(400, "messages must be a list of one or more", "messages");
  if (stream !== null && typeof stream !== "boolean") return refusal(400, "stream must be true or false", "stream");
  if (json.n !== undefined && json.n !== null && json.n !== 1) return refusal(400, `n must be 1, got ${String(json.n)}`, "n");
  const lengthField = ["max_completion_tokens", "max_tokens"].find((field) => json[field] !== undefined && json[field] !== null);
  const tokens = lengthField === undefined ? options.osl : json[lengthField];
  if (!isTokenCount(tokens)) {
    const message = `${lengthField} must be an integer from 1 to ${maxTokensOfAnswer}, got ${String(tokens)}`;
    return refusal(400, message, lengthField ?? null);
  }
  const isStreaming = stream === true;
  const isAsked = !isStreaming || (isObject(json.stream_options) && json.stream_options.include_usage === true);
  return {
    model,
    isStreaming,
    tokens,
    finishReason: lengthField === undefined ? "stop" : "length",
    hasUsage: options.usage === "always" || (options.usage === "asked" && isAsked),
    promptTokens: Math.ceil(textBytesOf(messages) / 4),
  };
}

export function isRefusal(value: ChatRequest | Refusal): value is Refusal {
  return "status" in value;
}

/** OpenAI's error body. */
export function errorBody({ status, message, param, code }: Refusal): string {
  const type = status >= 500 ? "server_error" : "invalid_request_error";
  return asciiJson({ error: { message, type, param, code } });
}

export function refusal(status: number, message: string, param: string | null = null, code: string | null = null): Refusal {
  return { status, message, param, code };
}

/** JSON in ASCII alone. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Digits of a stamp: fixed, so that a template's stamp can be patched in place. */
export const stampDigits = 19;
const idDigits = 8;
const createdDigits = 10;

/** A monotonic reading as the text of `assay_sent_ns`: 19 decimal digits with leading zeros. */
export function stampText(ns: number): string {
  return Math.floor(ns).toString().padStart(stampDigits, "0");
}

/** An SSE event in its HTTP chunk, with the places where the values of one answer go. */
export interface EventTemplate {
  readonly bytes: Buffer;
  readonly idAt: number;
  readonly createdAt: number;
  /** -1 without stamps. */
  readonly stampAt: number;
}

/** What a template does not know of an answer. */
export interface AnswerIdentity {
  /** Number of the answer on this server, from 0; its low 32 bits end the id. */
  readonly ordinal: number;
  /** Unix time in seconds. */
  readonly createdSec: number;
  /** Monotonic reading when the request had come whole. */
  readonly receivedNs: number;
}

/** The prebuilt events of one model's streams. */
export interface StreamTemplates {
  readonly role: EventTemplate;
  /** One content event per word of the vocabulary. */
  readonly words: readonly EventTemplate[];
  readonly finish: { readonly length: EventTemplate; readonly stop: EventTemplate };
  /** The model's name as JSON, for `usageEvent`. */
  readonly modelJson: string;
}

/** `data: [DONE]` and the end of the chunked body. */
export const streamEnd = Buffer.from(`${httpChunk("data: [DONE]\n\n")}0\r\n\r\n`, "latin1");

export function streamTemplates(model: string, hasStamps: boolean): StreamTemplates {
  const modelJson = asciiJson(model);
  const choice = (delta: object, reason: string | null) =>
    asciiJson([{ index: 0, delta, logprobs: null, finish_reason: reason }]);
  const event = (delta: object, reason: string | null) =>
    eventTemplate(modelJson, hasStamps, `"choices":${choice(delta, reason)}`);
  return {
    role: event({ role: "assistant", content: "" }, null),
    words: vocabulary.map((word) => event({ content: word }, null)),
    finish: { length: event({}, "length"), stop: event({}, "stop") },
    modelJson,
  };
}

/** The usage event of one stream: no choices, the counts; with stamps also `assay_received_ns`, from which the server's own times count. */
export function usageEvent(modelJson: string, hasStamps: boolean, request: ChatRequest, receivedNs: number): EventTemplate {
  const received = hasStamps ? `,"assay_received_ns":"${stampText(receivedNs)}"` : "";
  return eventTemplate(modelJson, hasStamps, `"choices":[],${usageJson(request)}${received}`);
}

/** The whole body of an answer that is not streamed. `sentNs` is left out when undefined. */
export function completionBody(request: ChatRequest, identity: AnswerIdentity, sentNs: number | undefined): string {
  const id = (identity.ordinal >>> 0).toString(16).padStart(idDigits, "0");
  const stamp = sentNs === undefined ? "" : `"assay_sent_ns":"${stampText(sentNs)}",`;
  const text = wordsFrom(firstWordOf(request), request.tokens);
  return (
    `{"id":"chatcmpl-${id}","object":"chat.completion","created":${identity.createdSec},${stamp}` +
    `"model":${asciiJson(request.model)},"choices":[{"index":0,"message":{"role":"assistant","content":"${text}"},` +
    `"logprobs":null,"finish_reason":"${request.finishReason}"}]${request.hasUsage ? `,${usageJson(request)}` : ""}}`
  );
}

/** `/v1/models`. */
export function modelsBody(models: readonly string[], createdSec: number): string {
  const data = models.map((id) => ({ id, object: "model", created: createdSec, owned_by: "assay" }));
  return asciiJson({ object: "list", data });
}

/** Where in the vocabulary an answer starts: its text depends on the prompt's size alone. */
export function firstWordOf(request: ChatRequest): number {
  return request.promptTokens % vocabulary.length;
}

// Each is one token, with its space, in the usual vocabularies; their lengths differ, so chunk sizes do.
export const vocabulary: readonly string[] = (
  " the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one" +
  " you were all her she there would their we him been has when who will no more if out so up said what its about than" +
  " into them can only other time new some could these two may first then do any like my now over such our man me even most"
)
  .split(" ")
  .slice(1)
  .map((word) => ` ${word}`);

const cycle = vocabulary.join("");
const wordStarts = vocabulary.map((_, i) => vocabulary.slice(0, i).join("").length);
const longRing = cycle.repeat(16);

/** `count` words of the endless repetition of the vocabulary. */
export function wordsFrom(first: number, count: number): string {
  const start = wordStarts[first] ?? 0;
  const last = first + count;
  const end = Math.floor(last / vocabulary.length) * cycle.length + (wordStarts[last % vocabulary.length] ?? 0);
  const ring = end <= longRing.length ? longRing : cycle.repeat(Math.ceil(end / cycle.length));
  return ring.slice(start, end);
}

/** Writes `value`, a non-negative integer below 10^digits, in place. */
export function patchDecimal(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const tenth = Math.trunc(rest / 10);
    bytes[i] = 48 + (rest - tenth * 10);
    rest = tenth;
  }
}

/** Copies a template to `at` of `target`, which has room, and fills in the identity. */
export function copyEvent(template: EventTemplate, identity: AnswerIdentity, target: Buffer, at: number): void {
  target.set(template.bytes, at);
  patchDecimal(target, at + template.createdAt, createdDigits, identity.createdSec);
  const end = at + template.idAt + idDigits;
  for (let i = 0; i < idDigits; i++) target[end - 1 - i] = hexDigits.charCodeAt((identity.ordinal >>> (4 * i)) & 15);
}

/** Writes a stamp in place; seconds and nanoseconds apart, since small integers divide faster. */
export function patchStamp(bytes: Buffer, at: number, ns: number): void {
  const seconds = Math.floor(ns / 1e9);
  patchDecimal(bytes, at, stampDigits - 9, seconds);
  patchDecimal(bytes, at + stampDigits - 9, 9, Math.floor(ns - seconds * 1e9));
}

const hexDigits = "0123456789abcdef";

function eventTemplate(modelJson: string, hasStamps: boolean, rest: string): EventTemplate {
  const beforeId = 'data: {"id":"chatcmpl-';
  const beforeCreated = '","object":"chat.completion.chunk","created":';
  const beforeStamp = ',"assay_sent_ns":"';
  const stamp = hasStamps ? `${beforeStamp}${"0".repeat(stampDigits)}"` : "";
  const head = `${beforeId}${"0".repeat(idDigits)}${beforeCreated}${"0".repeat(createdDigits)}`;
  const chunk = httpChunk(`${head}${stamp},"model":${modelJson},${rest}}\n\n`);
  const dataAt = chunk.indexOf("\n") + 1;
  const headEnd = dataAt + head.length;
  return {
    bytes: Buffer.from(chunk, "latin1"),
    idAt: dataAt + beforeId.length,
    createdAt: headEnd - createdDigits,
    stampAt: hasStamps ? headEnd + beforeStamp.length : -1,
  };
}

function httpChunk(ascii: string): string {
  return `${ascii.length.toString(16)}\r\n${ascii}\r\n`;
}

function usageJson({ promptTokens, tokens }: ChatRequest): string {
  const total = promptTokens + tokens;
  return `"usage":{"prompt_tokens":${promptTokens},"completion_tokens":${tokens},"total_tokens":${total}}`;
}

/** UTF-8 bytes of the messages' texts: `content` as a text, or the `text` of its parts. */
function textBytesOf(messages: readonly unknown[]): number {
  let bytes = 0;
  for (const message of messages) {
    if (!isObject(message)) continue;
    const { content } = message;
    if (typeof content === "string") bytes += Buffer.byteLength(content);
    else if (Array.isArray(content)) {
      for (const part of content) if (isObject(part) && typeof part.text === "string") bytes += Buffer.byteLength(part.text);
    }
  }
  return bytes;
}

function isTokenCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxTokensOfAnswer;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
