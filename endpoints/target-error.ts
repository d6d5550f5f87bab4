/**
 * How a target says no: by status, or inside an answer that began well. Servers differ in the shape of the body: OpenAI and vLLM nest
 * (`{"error":{"message"}}`), TensorRT-LLM is flat (`{"object":"error","message"}`), Triton's generate and Ollama give a text
 * (`{"error":"text"}`), FastAPI has `detail`, proxies answer with a page.
 */
import { decodeText, isJsonObject, type JsonObject, jsonTextOf, parseJson, textOf } from "./json-body.ts";
import type { RequestError, RequestErrorCode, RequestErrorPhase } from "./outcome.ts";

const maxMessageBytes = 1024;
const encoder = new TextEncoder();

/** The error of a response whose status is not 2xx. */
export function statusError(status: number, body: Uint8Array): RequestError {
  const words = wordsOfBody(body);
  const code = isContextOverflow(words) ? "context_overflow" : statusCode(status);
  return requestError(code, "wait", words === "" ? `http status ${status}` : `http status ${status}: ${words}`);
}

/** The error of an answer that reports one after a 2xx status. `words` are the target's. */
export function inBandError(words: string): RequestError {
  return requestError(
    isContextOverflow(words) ? "context_overflow" : "in_band_error",
    "stream",
    words || "the target named no reason",
  );
}

/** An error with its message cut to 1 KiB. */
export function requestError(code: RequestErrorCode, phase: RequestErrorPhase, message: string): RequestError {
  return { code, phase, message: cutMessage(message) };
}

/** What an object says went wrong, or undefined where it reports no error. */
export function errorWords(object: JsonObject): string | undefined {
  const { error } = object;
  // Null, false, 0 and "" say that there is none.
  if (error) return wordsOf(error);
  return object.object === "error" || object.type === "error" ? wordsOf(object) : undefined;
}

const maxPageChars = 200;

/** What a body says in one line: the words of its error, or its first 200 characters. */
export function bodyWords(body: Uint8Array): string {
  const text = decodeText(body);
  const value = parseJson(text);
  const words = isJsonObject(value) ? wordsOfObject(value) : undefined;
  if (words !== undefined) return oneLine(cutMessage(words));
  const line = oneLine(text.slice(0, 4 * maxPageChars));
  return line.length > maxPageChars ? `${line.slice(0, maxPageChars - 1)}…` : line;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

function wordsOfBody(body: Uint8Array): string {
  const text = decodeText(body);
  const value = parseJson(text);
  return (isJsonObject(value) ? wordsOfObject(value) : undefined) ?? text.trim();
}

function wordsOfObject(value: JsonObject): string | undefined {
  return errorWords(value) ?? textOf(value.message) ?? (value.detail === undefined ? undefined : wordsOf(value.detail));
}

/** The words of an error value: its message, with the code beside it where that is a word (some servers say only there what it was). */
export function wordsOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (!isJsonObject(error)) return jsonTextOf(error);
  const message = textOf(error.message) ?? textOf(error.detail);
  if (message === undefined) return jsonTextOf(error);
  const code = textOf(error.code);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

// Each alternative is the wording of a server: OpenAI and vLLM, vLLM and SGLang, llama.cpp, Anthropic, TGI, TensorRT-LLM.
const contextOverflow = new RegExp(
  [
    "context_length_exceeded",
    "maximum context length",
    "longer than the (?:model's context|maximum model) length",
    "exceeds? the (?:model's |available )?(?:maximum )?context (?:size|length|window)",
    "exceed_context_size",
    "prompt is too long",
    "max_new_tokens` must be <=",
    "inputs` must have less than",
    "should not exceed max_(?:num_tokens|seq_len|input_len)",
  ].join("|"),
  "i",
);

/** Whether a target says that a prompt is too long for its model. */
export function isContextOverflow(words: string): boolean {
  return contextOverflow.test(words);
}

function statusCode(status: number): RequestErrorCode {
  if (status >= 400 && status < 500) return "http_4xx";
  return status >= 500 && status < 600 ? "http_5xx" : "http_other";
}

/** A text cut to 1 KiB of UTF-8. */
export function cutMessage(message: string): string {
  // A UTF-16 unit is at least one byte, so a longer text need not be encoded whole.
  const bytes = encoder.encode(message.slice(0, maxMessageBytes + 1));
  if (bytes.length <= maxMessageBytes) return message;
  let end = maxMessageBytes - 3;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return `${decodeText(bytes.subarray(0, end))}…`;
}
