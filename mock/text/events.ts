/** The bytes of answers, prebuilt as far as possible: every text made here is ASCII. Pure but for `Buffer`. */
import { asciiJson } from "./ascii-json.ts";
import type { FinishReason, MockEndpoint } from "./endpoint.ts";
import { errorBody, type Refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { vocabulary, wordsFrom } from "./words.ts";

/** Digits of a stamp: fixed, so that a template's stamp can be patched in place. */
const stampDigits = 19;
const idDigits = 8;
const createdDigits = 10;
const hexDigits = "0123456789abcdef";

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

/** The events of one model's streams at one endpoint; those of the first choice and of single tokens are prebuilt. */
export interface StreamEvents {
  readonly opening: EventTemplate | undefined;
  /** `count` words of the vocabulary from `first` on. */
  content(choice: number, first: number, count: number): EventTemplate;
  finish(choice: number, reason: FinishReason): EventTemplate;
  /** No choices, the counts; with stamps also `assay_received_ns`, from which the server's own times count. */
  usage(request: TextRequest, receivedNs: number): EventTemplate;
}

/** The end of a chunked body. */
export const bodyEnd = Buffer.from("0\r\n\r\n", "latin1");

/** `data: [DONE]` and the end of the chunked body. */
export const streamEnd = Buffer.concat([httpChunk("data: [DONE]\n\n"), bodyEnd]);

/** An event that is not JSON. */
export const garbageEvent = httpChunk('data: {"id":"\n\n');

/** An error as an event of a stream. */
export function errorEvent(why: Refusal): Buffer {
  return httpChunk(`data: ${errorBody(why)}\n\n`);
}

export function streamEvents(endpoint: MockEndpoint, model: string, hasStamps: boolean): StreamEvents {
  const modelJson = asciiJson(model);
  const template = (rest: string) => eventTemplate(endpoint, modelJson, hasStamps, rest);
  const ofChoice = (choice: string) => template(`"choices":[${choice}]`);
  const words = vocabulary.map((word) => ofChoice(endpoint.contentChoice(0, word)));
  const finish = { length: ofChoice(endpoint.finishChoice(0, "length")), stop: ofChoice(endpoint.finishChoice(0, "stop")) };
  return {
    opening: endpoint.openingChoice === undefined ? undefined : ofChoice(endpoint.openingChoice),
    content(choice, first, count) {
      const prebuilt = choice === 0 && count === 1 ? words[first] : undefined;
      return prebuilt ?? ofChoice(endpoint.contentChoice(choice, wordsFrom(first, count)));
    },
    finish: (choice, reason) => (choice === 0 ? finish[reason] : ofChoice(endpoint.finishChoice(choice, reason))),
    usage(request, receivedNs) {
      const received = hasStamps ? `,"assay_received_ns":"${stampText(receivedNs)}"` : "";
      return template(`"choices":[],${usageJson(request)}${received}`);
    },
  };
}

/** The whole body of an answer that is not streamed. `sentNs` is left out when undefined. */
export function wholeBody(request: TextRequest, { ordinal, createdSec }: AnswerIdentity, sentNs: number | undefined): string {
  const { endpoint, choices, tokens, finishReason } = request;
  const id = endpoint.idPrefix + (ordinal >>> 0).toString(16).padStart(idDigits, "0");
  const stamp = sentNs === undefined ? "" : `"assay_sent_ns":"${stampText(sentNs)}",`;
  let list = "";
  for (let index = 0; index < choices; index++) {
    const text = wordsFrom(firstWordOf(request, index), tokens);
    list += `${index === 0 ? "" : ","}${endpoint.wholeChoice(index, text, finishReason)}`;
  }
  return (
    `{"id":"${id}","object":"${endpoint.wholeObject}","created":${createdSec},${stamp}"model":${asciiJson(request.model)},` +
    `"choices":[${list}]${request.hasUsage ? `,${usageJson(request)}` : ""}}`
  );
}

/** Where in the vocabulary a choice starts: its text depends on the prompt's size and its index alone. */
export function firstWordOf({ promptTokens }: TextRequest, choice: number): number {
  return (promptTokens + choice) % vocabulary.length;
}

/** A monotonic reading as the text of a stamp: 19 decimal digits with leading zeros. */
export function stampText(ns: number): string {
  return Math.floor(ns).toString().padStart(stampDigits, "0");
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

/** Writes `value`, a non-negative integer below 10^digits, in place. */
function patchDecimal(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const tenth = Math.trunc(rest / 10);
    bytes[i] = 48 + (rest - tenth * 10);
    rest = tenth;
  }
}

function eventTemplate(endpoint: MockEndpoint, modelJson: string, hasStamps: boolean, rest: string): EventTemplate {
  const beforeId = `data: {"id":"${endpoint.idPrefix}`;
  const beforeCreated = `","object":"${endpoint.eventObject}","created":`;
  const beforeStamp = ',"assay_sent_ns":"';
  const stamp = hasStamps ? `${beforeStamp}${"0".repeat(stampDigits)}"` : "";
  const head = `${beforeId}${"0".repeat(idDigits)}${beforeCreated}${"0".repeat(createdDigits)}`;
  const bytes = httpChunk(`${head}${stamp},"model":${modelJson},${rest}}\n\n`);
  const dataAt = bytes.indexOf("\n") + 1;
  const headEnd = dataAt + head.length;
  return {
    bytes,
    idAt: dataAt + beforeId.length,
    createdAt: headEnd - createdDigits,
    stampAt: hasStamps ? headEnd + beforeStamp.length : -1,
  };
}

function httpChunk(ascii: string): Buffer {
  return Buffer.from(`${ascii.length.toString(16)}\r\n${ascii}\r\n`, "latin1");
}

function usageJson({ promptTokens, tokens, choices, cachedTokens }: TextRequest): string {
  const completion = tokens * choices;
  const details = cachedTokens === undefined ? "" : `,"prompt_tokens_details":{"cached_tokens":${cachedTokens}}`;
  return (
    `"usage":{"prompt_tokens":${promptTokens},"completion_tokens":${completion},` +
    `"total_tokens":${promptTokens + completion}${details}}`
  );
}
