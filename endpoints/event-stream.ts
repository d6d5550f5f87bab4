/**
 * An answer out of its bytes, for endpoints of the OpenAI family: a stream of server-sent events that ends with `[DONE]`, or
 * one JSON document. What an event means is the endpoint's (`ReadEvent`); when it arrived and whether the answer is complete is
 * decided here.
 *
 * A stream is complete if `[DONE]` came or a finish reason was seen (some servers and proxies send no `[DONE]`). Neither: `truncated`.
 */
import type { Usage } from "../metrics/metric.ts";
import type { ParsedResponse, RawResponse, ToolCall } from "./endpoint.ts";
import type { EventTemplates } from "./event-template.ts";
import { decodeText, isJsonObject, type JsonObject, parseJson } from "./json-body.ts";
import type { RequestError } from "./outcome.ts";
import { SseReader } from "./sse.ts";
import { errorWords, inBandError, requestError, statusError, wordsOf } from "./target-error.ts";

/** What one event, or a whole answer, says. */
export interface EventMeaning {
  /** Text other than reasoning; empty: none. */
  readonly outputText: string;
  readonly reasoningText: string;
  readonly finishReason: string | undefined;
  /** Undefined where none was sent or it names no count. */
  readonly usage: Usage | undefined;
  /** Set: the target reports an error, in these words. */
  readonly errorWords: string | undefined;
  /** Pieces of tool calls, whose names and arguments are in `outputText`, too; absent: there are none. */
  readonly calling?: { readonly text: string; readonly pieces: readonly CallPiece[] };
}

/** What an event says of one tool call of the answer: what it leaves out is empty. */
export interface CallPiece extends ToolCall {
  /** Which call of the answer it belongs to. */
  readonly index: number;
}

/** Reads one event's JSON object. Pure, never throws; must accept any object. */
export type ReadEvent = (event: JsonObject) => EventMeaning;

/** An answer of any status. Never throws. With `templates`, events that fit one are read without parsing them; the result is the same. */
export function parseAnswer(response: RawResponse, read: ReadEvent, templates?: EventTemplates): ParsedResponse {
  const answer = new Answer(response);
  if (response.status < 200 || response.status > 299) answer.fail(statusError(response.status, response.payload));
  else if (isEventStream(response)) readStream(answer, read, templates);
  else readDocument(answer, read);
  return answer.parsed();
}

/** By the content type; where that names neither form, by what was asked and the first byte. */
function isEventStream({ contentType, payload, isStreaming }: RawResponse): boolean {
  const type = contentType.toLowerCase();
  if (type.includes("text/event-stream")) return true;
  if (type.includes("json")) return false;
  return isStreaming && payload[0] !== 0x7b;
}

function readStream(answer: Answer, read: ReadEvent, templates: EventTemplates | undefined): void {
  const reader = new SseReader(answer.response.payload);
  let events = 0;
  while (answer.error === undefined && reader.next()) {
    events++;
    if (reader.eventType === "error") answer.fail(inBandError(errorEventWords(reader)));
    else if (templates !== undefined && reader.isSingleLine && templates.matches(reader.text, reader.dataStart, reader.dataEnd)) {
      answer.addText(reader.text.slice(templates.contentStart, templates.contentEnd), templates.isReasoning, reader.end);
    } else {
      const data = reader.data();
      if (data === "[DONE]") {
        answer.close(true);
        return;
      }
      if (data !== "") readEvent(answer, data, reader, read, templates);
    }
  }
  if (events === 0 && answer.response.payload.length > 0 && !answer.response.contentType.includes("event-stream")) {
    answer.fail(requestError("parse", "parse", `no event in an answer of type "${answer.response.contentType}"`));
  }
  answer.close(false);
}

function readEvent(
  answer: Answer,
  data: string,
  reader: SseReader,
  read: ReadEvent,
  templates: EventTemplates | undefined,
): void {
  const event = parseJson(data);
  if (!isJsonObject(event)) {
    // An event that the end of the body cuts in two is not malformed, it is missing.
    if (reader.isTerminated) answer.fail(requestError("parse", "parse", `event is no JSON object: ${data}`));
    return;
  }
  const meaning = read(event);
  answer.add(meaning, reader.end);
  templates?.learn(data, meaning, read);
}

function readDocument(answer: Answer, read: ReadEvent): void {
  answer.isStreamIgnored = answer.response.isStreaming;
  const { payload } = answer.response;
  const text = decodeText(payload);
  const document = parseJson(text);
  if (isJsonObject(document)) {
    answer.add(read(document), payload.length);
    answer.close(true);
  } else if (text.trim() === "") answer.close(true);
  else answer.fail(requestError("parse", "parse", `answer is no JSON object: ${text}`));
}

/** JSON's own words, else the data as it is, else the comment (Dynamo says why only there). */
function errorEventWords(reader: SseReader): string {
  const data = reader.data();
  const event = parseJson(data);
  const words = isJsonObject(event) ? (errorWords(event) ?? wordsOf(event)) : data;
  return words === "" ? reader.comment : words;
}

/** What has been read of one answer. */
class Answer {
  readonly response: RawResponse;
  error: RequestError | undefined;
  isStreamIgnored = false;

  readonly #contentNs: number[] = [];
  #firstOutputNs: number | undefined;
  #coalescedChunks = 0;
  #outputText = "";
  #reasoningText = "";
  #usage: Usage | undefined;
  #finishReason: string | undefined;
  #read = 0;
  #lastContentRead = -1;
  /** By their places in the answer; empty: it calls no tools. */
  readonly #calls = new Map<number, ToolCall>();
  /** The text without the calls, once there is one. */
  #spokenText = "";

  constructor(response: RawResponse) {
    this.response = response;
  }

  fail(error: RequestError): void {
    this.error ??= error;
  }

  /** Takes an event that ends at byte `end` of the payload. */
  add(meaning: EventMeaning, end: number): void {
    if (meaning.errorWords !== undefined) {
      this.fail(inBandError(meaning.errorWords));
      return;
    }
    if (meaning.usage !== undefined) this.#usage = meaning.usage;
    if (meaning.finishReason !== undefined) this.#finishReason = meaning.finishReason;
    if (meaning.calling !== undefined) this.#addCalls(meaning.calling);
    else if (this.#calls.size > 0) this.#spokenText += meaning.outputText;
    if (meaning.reasoningText === "" && meaning.outputText === "") return;
    this.#stamp(end, meaning.outputText !== "");
    this.#reasoningText += meaning.reasoningText;
    this.#outputText += meaning.outputText;
  }

  /** Takes an event that holds nothing but text, which is not empty. */
  addText(text: string, isReasoning: boolean, end: number): void {
    this.#stamp(end, !isReasoning);
    if (isReasoning) this.#reasoningText += text;
    else {
      this.#outputText += text;
      if (this.#calls.size > 0) this.#spokenText += text;
    }
  }

  /** The answer is over; `isMarked`: its end was marked as such. */
  close(isMarked: boolean): void {
    if (!isMarked && this.#finishReason === undefined) {
      this.fail(requestError("truncated", "stream", "the stream ended with neither a finish reason nor [DONE]"));
    } else if (this.#contentNs.length === 0) {
      this.fail(requestError("empty", "parse", "the answer is complete and holds no content"));
    }
  }

  parsed(): ParsedResponse {
    return {
      error: this.error,
      contentNs: new Float64Array(this.#contentNs),
      firstOutputNs: this.#firstOutputNs,
      coalescedChunks: this.#coalescedChunks,
      outputText: this.#outputText,
      reasoningText: this.#reasoningText,
      usage: this.#usage,
      finishReason: this.#finishReason,
      isStreamIgnored: this.isStreamIgnored,
      ...(this.#calls.size === 0 ? {} : { calling: { text: this.#spokenText, calls: this.#callsInOrder() } }),
    };
  }

  #addCalls({ text, pieces }: NonNullable<EventMeaning["calling"]>): void {
    if (this.#calls.size === 0) this.#spokenText = this.#outputText;
    this.#spokenText += text;
    for (const { index, id, name, argumentsText } of pieces) {
      const known = this.#calls.get(index) ?? { id: "", name: "", argumentsText: "" };
      this.#calls.set(index, { id: known.id + id, name: known.name + name, argumentsText: known.argumentsText + argumentsText });
    }
  }

  #callsInOrder(): ToolCall[] {
    return [...this.#calls].sort(([one], [other]) => one - other).map(([, call]) => call);
  }

  #stamp(end: number, hasOutput: boolean): void {
    const { readEnds, readNs } = this.response;
    // Events come in order, so the read that completed this one is never before that of the last one.
    while (this.#read < readEnds.length - 1 && (readEnds[this.#read] as number) < end) this.#read++;
    const ns = readNs[this.#read] ?? 0;
    if (this.#read === this.#lastContentRead) this.#coalescedChunks++;
    this.#lastContentRead = this.#read;
    this.#contentNs.push(ns);
    if (hasOutput) this.#firstOutputNs ??= ns;
  }
}
