/**
 * An answer out of its bytes: a stream of server-sent events or of lines, or one JSON document. What an event means is the
 * endpoint's (`ReadEvent`); when it arrived and whether the answer is complete is decided here.
 *
 * A stream is complete if `[DONE]` came, an event said that it is the last, or a finish reason was seen (some servers and proxies send
 * no `[DONE]`). None of these: `truncated`, unless the protocol marks no end (`isEndUnmarked`).
 */
import type { FirstMoments, ServerTimes, SpecDecode, Usage } from "../metrics/metric.ts";
import type { OtherChoices, ParsedResponse, RawResponse, ToolCall } from "./endpoint.ts";
import { type EventTemplates, LikeEvent, type TextEvent } from "./event-template.ts";
import { decodeText, isJsonObject, type JsonObject, parseJson } from "./json-body.ts";
import type { RequestError } from "./outcome.ts";
import { pooledDoubles } from "./pooled-numbers.ts";
import { type ReasoningTags, type TagOptions, TagSplitter } from "./reasoning-tags.ts";
import { SseReader } from "./sse.ts";
import { bodyWords, errorWords, inBandError, requestError, statusError, wordsOf } from "./target-error.ts";

/** What one event, or a whole answer, says. */
export interface EventMeaning {
  /** Text other than reasoning; empty: none. */
  readonly outputText: string;
  readonly reasoningText: string;
  readonly finishReason: string | undefined;
  /** Undefined where none was sent or it names no count. */
  readonly usage: Usage | undefined;
  /** What the target says of its speculative decoding; absent: nothing. */
  readonly specDecode?: SpecDecode;
  /** What it says of the request's moments on its own clock; the last word counts. Absent: nothing. */
  readonly serverTimes?: ServerTimes;
  /** Set: the target reports an error, in these words. */
  readonly errorWords: string | undefined;
  /** The answer is over by the protocol's own mark, whatever comes behind it. */
  readonly isEnd?: boolean;
  /** Pieces of tool calls, whose names and arguments are in `outputText`, too, behind `text`; absent: there are none. */
  readonly calling?: { readonly text: string; readonly pieces: readonly CallPiece[] };
  /** What it says of further answers to choose from; absent: nothing. `count` is of all that it shows there to be, the first one included. */
  readonly others?: OtherChoices;
  /** What its text is a piece of, in APIs that say a part of the answer again when it is whole. */
  readonly part?: string;
  /** Its text is the whole part, or without a `part` the whole answer: it counts only where none of that came before. */
  readonly isWhole?: boolean;
  /** How many vectors, ranked passages or images it brings, which are content that is not text. */
  readonly outputCount?: number;
  /** It brings content that is neither text nor counted: a piece of audio, a draft of an image. */
  readonly hasOtherContent?: boolean;
  /** It says who speaks and nothing that is content. */
  readonly isRole?: boolean;
  /** Set: it is not what the API promises, in these words. */
  readonly problem?: string;
  /** What the target calls the answer. */
  readonly answerId?: string;
}

/** What an event says of one tool call of the answer: what it leaves out is empty. */
export interface CallPiece extends ToolCall {
  /** Which call of the answer it belongs to. */
  readonly index: number;
}

/** Reads one event's JSON object. Never throws; must accept any object. What it remembers is of one answer, and of none of its texts. */
export type ReadEvent = (event: JsonObject) => EventMeaning;

/** How a protocol differs from server-sent events that end with a mark, and how its text is read. */
export interface AnswerRules extends TagOptions {
  /** A stream is JSON objects, one a line. Default: server-sent events. */
  readonly isLines?: boolean;
  /**
   * The protocol has no mark for the end of a stream: it is complete where its body is, whose end HTTP frames, and does not end inside
   * an event. Default: false.
   */
  readonly isEndUnmarked?: boolean;
  /**
   * What of a document `read` is given; undefined: it is none of this API. Default: the document, which must be an object.
   * @param document undefined where `text` is no JSON
   */
  readonly documentOf?: (document: unknown, text: string) => JsonObject | undefined;
}

/** An answer of any status. Never throws. With `templates`, events that fit one are read without parsing them; the result is the same. */
export function parseAnswer(
  response: RawResponse,
  read: ReadEvent,
  templates?: EventTemplates,
  rules: AnswerRules = {},
): ParsedResponse {
  const answer = new Answer(response, rules.reasoningTags ?? "auto");
  if (response.status < 200 || response.status > 299) answer.fail(statusError(response.status, response.payload));
  else if (rules.isLines === true && isLineStream(response)) readLines(answer, read, rules);
  else if (rules.isLines !== true && isEventStream(response)) readStream(answer, read, { templates, rules });
  else readDocument(answer, read, rules);
  return answer.parsed();
}

/** By the content type; where that is another (proxies rewrite it), what was asked for as a stream and is more than one document. */
function isLineStream({ contentType, payload, isStreaming }: RawResponse): boolean {
  if (/ndjson|jsonl/i.test(contentType)) return true;
  return isStreaming && payload[0] === 0x7b && parseJson(decodeText(payload)) === undefined;
}

const newline = 0x0a;

function readLines(answer: Answer, read: ReadEvent, { isEndUnmarked = false }: AnswerRules): void {
  const { payload } = answer.response;
  let lines = 0;
  for (let start = 0; start < payload.length; ) {
    const at = payload.indexOf(newline, start);
    const end = at < 0 ? payload.length : at + 1;
    const line = decodeText(payload.subarray(start, end)).trim();
    start = end;
    if (line === "") continue;
    const object = parseJson(line);
    if (isJsonObject(object)) {
      if (lines === 0) answer.begin(end);
      const meaning = read(object);
      answer.add(meaning, end);
      if (meaning.isEnd === true) answer.close(true);
      if (answer.error !== undefined || meaning.isEnd === true) return;
      lines++;
    } else if (at >= 0) {
      answer.fail(requestError("parse", "parse", `line is no JSON object: ${line}`));
      return;
      // A line that the end of the body cuts in two is not malformed, it is missing.
    } else lines = 0;
  }
  answer.close(isEndUnmarked && lines > 0);
}

/** By the content type; where that names neither form, by what was asked and the first byte. */
export function isEventStream({
  contentType,
  payload,
  isStreaming,
}: Pick<RawResponse, "contentType" | "payload" | "isStreaming">): boolean {
  const type = contentType.toLowerCase();
  if (type.includes("text/event-stream")) return true;
  if (type.includes("json")) return false;
  return isStreaming && payload[0] !== 0x7b;
}

interface StreamReading {
  readonly templates: EventTemplates | undefined;
  readonly rules: AnswerRules;
}

function readStream(answer: Answer, read: ReadEvent, { templates, rules }: StreamReading): void {
  const reader = new SseReader(answer.response.payload);
  const { text } = reader;
  const like = new LikeEvent();
  let events = 0;
  let wholeTo = 0;
  while (answer.error === undefined) {
    if (like.isAt(text, reader.end)) {
      reader.pass(like.end);
      answer.addText(text.slice(like.contentStart, like.contentEnd), like, like.end);
      wholeTo = like.end;
      continue;
    }
    const start = reader.end;
    if (!reader.next()) break;
    if (events++ === 0) answer.begin(reader.end);
    let what: EventFate = "whole";
    if (reader.eventType === "error") answer.fail(inBandError(errorEventWords(reader)));
    else if (templates !== undefined && reader.isSingleLine && templates.matches(text, reader.dataStart, reader.dataEnd)) {
      answer.addText(text.slice(templates.contentStart, templates.contentEnd), templates, reader.end);
      if (reader.isPlain) like.keep(text, start, reader.end, templates);
    } else what = readEvent(answer, reader, read, templates);
    if (what === "last") {
      answer.close(true);
      return;
    }
    if (what === "whole") wholeTo = reader.end;
  }
  if (events === 0 && answer.response.payload.length > 0 && !answer.response.contentType.includes("event-stream")) {
    const { contentType, payload } = answer.response;
    answer.fail(requestError("parse", "parse", `no event in an answer of type "${contentType}": ${bodyWords(payload)}`));
  }
  answer.close(rules.isEndUnmarked === true && events > 0 && isIdle(text.slice(wholeTo)));
}

/** `cut`: by the end of the body. */
type EventFate = "whole" | "last" | "cut";

function readEvent(answer: Answer, reader: SseReader, read: ReadEvent, templates: EventTemplates | undefined): EventFate {
  const known = reader.isSingleLine ? templates?.meaningAt(reader.text, reader.dataStart, reader.dataEnd) : undefined;
  if (known !== undefined) {
    answer.add(known, reader.end);
    return "whole";
  }
  const data = reader.data();
  if (data === "[DONE]") return "last";
  if (data === "") return reader.isTerminated ? "whole" : "cut";
  const event = parseJson(data);
  if (!isJsonObject(event)) {
    // An event that the end of the body cuts in two is not malformed, it is missing.
    if (!reader.isTerminated) return "cut";
    answer.fail(requestError("parse", "parse", `event is no JSON object: ${data}`));
    return "whole";
  }
  const meaning = read(event);
  answer.add(meaning, reader.end);
  if (meaning.isEnd === true) return "last";
  templates?.learn(data, meaning, read);
  return "whole";
}

/** Blank lines and comments. */
function isIdle(rest: string): boolean {
  return rest.split(/[\r\n]/).every((line) => line === "" || line.startsWith(":"));
}

function readDocument(answer: Answer, read: ReadEvent, { documentOf }: AnswerRules): void {
  answer.isStreamIgnored = answer.response.isStreaming;
  const { payload } = answer.response;
  const text = decodeText(payload);
  const parsed = parseJson(text);
  const document = documentOf === undefined ? parsed : documentOf(parsed, text);
  if (isJsonObject(document)) {
    answer.add(read(document), payload.length);
    answer.close(true);
  } else if (text.trim() === "") answer.close(true);
  else
    answer.fail(
      requestError("parse", "parse", `answer is ${isJsonObject(parsed) ? "not of this API" : "no JSON object"}: ${text}`),
    );
}

/** JSON's own words, else the data as it is, else the comment (Dynamo says why only there). */
function errorEventWords(reader: SseReader): string {
  const data = reader.data();
  const event = parseJson(data);
  const words = isJsonObject(event) ? (errorWords(event) ?? wordsOf(event)) : data;
  return words === "" ? reader.comment : words;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What has been read of one answer. */
export class Answer {
  readonly response: RawResponse;
  error: RequestError | undefined;
  isStreamIgnored = false;

  readonly #contentNs: number[] = [];
  #firstOutputNs: number | undefined;
  #firstEventNs: number | undefined;
  #firstRoleNs: number | undefined;
  #firstReasoningNs: number | undefined;
  #firstTextNs: number | undefined;
  #firstCallNs: number | undefined;
  #coalescedChunks = 0;
  #outputText = "";
  #reasoningText = "";
  #outputCount: number | undefined;
  /** Undefined once all text is output. */
  #tags: TagSplitter | undefined;
  /** When text came of which it is open whether it is reasoning. */
  #unknownNs: number | undefined;
  #others: OtherChoices | undefined;
  #usage: Usage | undefined;
  #finishReason: string | undefined;
  #specDecode: SpecDecode | undefined;
  #serverTimes: ServerTimes | undefined;
  #read = 0;
  #lastContentRead = -1;
  /** By their places in the answer; empty: it calls no tools. */
  readonly #calls = new Map<number, ToolCall>();
  /** The text without the calls, once there is one. */
  #spokenText = "";
  /** Parts of which there is text. */
  readonly #parts = new Set<string>();
  #answerId: string | undefined;

  constructor(response: RawResponse, tags: ReasoningTags) {
    this.response = response;
    this.#tags = tags === "off" ? undefined : new TagSplitter(tags);
  }

  /** The first event of a stream ends at byte `end` of the payload. */
  begin(end: number): void {
    this.#firstEventNs ??= this.#arrivalOf(end);
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
    if (meaning.problem !== undefined) {
      this.fail(requestError("parse", "parse", meaning.problem));
      return;
    }
    if (meaning.usage !== undefined) this.#usage = meaning.usage;
    if (meaning.specDecode !== undefined) this.#specDecode = meaning.specDecode;
    if (meaning.serverTimes !== undefined) this.#serverTimes = meaning.serverTimes;
    if (meaning.finishReason !== undefined) this.#finishReason = meaning.finishReason;
    if (meaning.answerId !== undefined) this.#answerId = meaning.answerId;
    if (meaning.isWhole === true && this.#isKnown(meaning.part)) return;
    if (meaning.calling !== undefined) this.#addCalls(meaning.calling.pieces);
    if (meaning.others !== undefined) this.#addOthers(meaning.others);
    const { outputCount = 0, outputText, reasoningText } = meaning;
    const hasOther = meaning.hasOtherContent === true || outputCount > 0;
    const ofOthers = meaning.others !== undefined && meaning.others.outputText + meaning.others.reasoningText !== "";
    if (reasoningText === "" && outputText === "" && !hasOther && !ofOthers) {
      if (meaning.isRole === true) this.#firstRoleNs ??= this.#arrivalOf(end);
      return;
    }
    if (meaning.part !== undefined) this.#parts.add(meaning.part);
    const ns = this.#stamp(end);
    if (outputCount > 0) this.#outputCount = (this.#outputCount ?? 0) + outputCount;
    if (hasOther) this.#firstOutputNs ??= ns;
    if (reasoningText !== "") this.#addReasoning(reasoningText, ns);
    const text = meaning.calling?.text ?? outputText;
    if (text !== "") this.#addOutput(text, ns);
    if (meaning.calling === undefined) return;
    this.#settleTags();
    this.#firstOutputNs ??= ns;
    this.#firstCallNs ??= ns;
    this.#outputText += outputText.slice(text.length);
  }

  /** Takes an event that holds nothing but text, which is not empty. */
  addText(text: string, { isReasoning, part }: Pick<TextEvent, "isReasoning" | "part">, end: number): void {
    if (part !== undefined) this.#parts.add(part);
    const ns = this.#stamp(end);
    if (isReasoning) this.#addReasoning(text, ns);
    else this.#addOutput(text, ns);
  }

  /** The answer is over; `isMarked`: its end was marked as such. @param marks what would have marked it, for the message */
  close(isMarked: boolean, marks = "neither a finish reason nor [DONE]"): void {
    const { count, ended } = this.#others ?? { count: 1, ended: 0 };
    if (!isMarked && (this.#finishReason === undefined || ended < count - 1)) {
      this.fail(requestError("truncated", "stream", `the stream ended with ${marks}`));
    } else if (this.#contentNs.length === 0) {
      this.fail(requestError("empty", "parse", "the answer is complete and holds no content"));
    }
  }

  parsed(): ParsedResponse {
    this.#settleTags();
    const parsed: Writable<ParsedResponse> = {
      error: this.error,
      contentNs: this.#contentStamps(),
      firstOutputNs: this.#firstOutputNs,
      coalescedChunks: this.#coalescedChunks,
      outputText: this.#outputText,
      reasoningText: this.#reasoningText,
      usage: this.#usage,
      finishReason: this.#finishReason,
      isStreamIgnored: this.isStreamIgnored,
    };
    // Not spread into it, which costs more than all of the above.
    if (this.#firstEventNs !== undefined) parsed.firsts = this.#firsts(this.#firstEventNs);
    if (this.#outputCount !== undefined) parsed.outputCount = this.#outputCount;
    if (this.#others !== undefined) parsed.others = this.#others;
    if (this.#answerId !== undefined) parsed.answerId = this.#answerId;
    if (this.#specDecode !== undefined) parsed.specDecode = this.#specDecode;
    if (this.#serverTimes !== undefined) parsed.serverTimes = this.#serverTimes;
    if (this.#calls.size > 0) parsed.calling = { text: this.#spokenText, calls: this.#callsInOrder() };
    return parsed;
  }

  #contentStamps(): Float64Array {
    const stamps = pooledDoubles(this.#contentNs.length);
    for (let index = 0; index < stamps.length; index++) stamps[index] = this.#contentNs[index] as number;
    return stamps;
  }

  #firsts(eventNs: number): FirstMoments {
    return {
      eventNs,
      roleNs: this.#firstRoleNs,
      reasoningNs: this.#firstReasoningNs,
      textNs: this.#firstTextNs,
      callNs: this.#firstCallNs,
    };
  }

  #isKnown(part: string | undefined): boolean {
    return part === undefined ? this.#contentNs.length > 0 : this.#parts.has(part);
  }

  #addReasoning(text: string, ns: number): void {
    // A server that tells reasoning apart leaves no tags in the text.
    if (this.#tags !== undefined) this.#settleTags();
    this.#firstReasoningNs ??= ns;
    this.#reasoningText += text;
  }

  #addOutput(text: string, ns: number): void {
    if (this.#tags === undefined) this.#addPlain(text, ns);
    else this.#addTagged(this.#tags, text, ns);
  }

  #addPlain(text: string, ns: number): void {
    this.#firstOutputNs ??= ns;
    this.#firstTextNs ??= ns;
    this.#outputText += text;
    if (this.#calls.size > 0) this.#spokenText += text;
  }

  #addTagged(tags: TagSplitter, text: string, ns: number): void {
    const { reasoning, output } = tags.add(text);
    if (tags.isUnknown) {
      this.#unknownNs ??= ns;
      return;
    }
    const beginNs = this.#unknownNs ?? ns;
    if (tags.isOver) this.#tags = undefined;
    if (tags.hasReasoning) this.#firstReasoningNs ??= beginNs;
    this.#reasoningText += reasoning;
    if (output !== "") this.#addPlain(output, tags.hasReasoning ? ns : beginNs);
  }

  /** No tag comes any more. */
  #settleTags(): void {
    const tags = this.#tags;
    if (tags === undefined) return;
    this.#tags = undefined;
    const { reasoning, output } = tags.end();
    if (reasoning !== "") this.#firstReasoningNs ??= this.#unknownNs;
    this.#reasoningText += reasoning;
    if (output !== "") this.#addPlain(output, this.#unknownNs ?? 0);
  }

  /** Their text is counted and nothing else: what is told of an answer is told of the first. */
  #addOthers({ count, ended, outputText, reasoningText }: OtherChoices): void {
    const known = this.#others ?? { count: 1, ended: 0, outputText: "", reasoningText: "" };
    this.#others = {
      count: Math.max(known.count, count),
      ended: known.ended + ended,
      outputText: known.outputText + outputText,
      reasoningText: known.reasoningText + reasoningText,
    };
  }

  #addCalls(pieces: readonly CallPiece[]): void {
    if (this.#calls.size === 0) this.#spokenText = this.#outputText;
    for (const { index, id, name, argumentsText } of pieces) {
      const known = this.#calls.get(index) ?? { id: "", name: "", argumentsText: "" };
      this.#calls.set(index, { id: known.id + id, name: known.name + name, argumentsText: known.argumentsText + argumentsText });
    }
  }

  #callsInOrder(): ToolCall[] {
    return [...this.#calls].sort(([one], [other]) => one - other).map(([, call]) => call);
  }

  /** The moment of the read that completed an event. Events come in order: it is never before that of the last one. */
  #arrivalOf(end: number): number {
    const { readEnds, readNs } = this.response;
    while (this.#read < readEnds.length - 1 && (readEnds[this.#read] as number) < end) this.#read++;
    return readNs[this.#read] ?? 0;
  }

  /** Counts a chunk with content that ends there, and says when it came. */
  #stamp(end: number): number {
    const ns = this.#arrivalOf(end);
    if (this.#read === this.#lastContentRead) this.#coalescedChunks++;
    this.#lastContentRead = this.#read;
    this.#contentNs.push(ns);
    return ns;
  }
}
