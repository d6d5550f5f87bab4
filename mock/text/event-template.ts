/** Events with places that are filled in for each answer: every text made here is ASCII. Pure but for `Buffer`. */

/** Digits of a stamp: fixed, so that a template's stamp can be patched in place. */
const stampDigits = 19;
const idDigits = 8;
const createdDigits = 10;
const hexDigits = "0123456789abcdef";

/** What stands in a template's text for the values of one answer. They are not ASCII, as all else is. */
export const marks = { id: "\u00a1", created: "\u00a2", stamp: "\u00a3" } as const;

/** SSE events in one HTTP chunk, with the places where the values of one answer go. */
export interface EventTemplate {
  readonly bytes: Buffer;
  readonly idsAt: readonly number[];
  readonly createdAt: readonly number[];
  /** Empty without stamps. */
  readonly stampsAt: readonly number[];
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

/** A template of an event's text, or of several that go out together. @param ascii with `marks` */
export function eventTemplate(ascii: string): EventTemplate {
  const ids: number[] = [];
  const created: number[] = [];
  const stamps: number[] = [];
  let text = "";
  for (const piece of ascii.split(/([\u00a1-\u00a3])/)) {
    if (piece === marks.id) ids.push(text.length);
    else if (piece === marks.created) created.push(text.length);
    else if (piece === marks.stamp) stamps.push(text.length);
    text += placeholders[piece] ?? piece;
  }
  const bytes = httpChunk(text);
  const dataAt = bytes.indexOf("\n") + 1;
  const behind = (at: number): number => at + dataAt;
  return { bytes, idsAt: ids.map(behind), createdAt: created.map(behind), stampsAt: stamps.map(behind) };
}

const placeholders: Readonly<Record<string, string>> = {
  [marks.id]: "0".repeat(idDigits),
  [marks.created]: "0".repeat(createdDigits),
  [marks.stamp]: "0".repeat(stampDigits),
};

/** The text with the values of an answer in the place of its marks. @param sentNs of a stamp, which is left as it is where undefined */
export function filledIn(text: string, { ordinal, createdSec }: AnswerIdentity, sentNs: number | undefined): string {
  return text
    .replaceAll(marks.id, idText(ordinal))
    .replaceAll(marks.created, String(createdSec))
    .replaceAll(marks.stamp, sentNs === undefined ? "" : stampText(sentNs));
}

function idText(ordinal: number): string {
  return (ordinal >>> 0).toString(16).padStart(idDigits, "0");
}

/** A monotonic reading as the text of a stamp: 19 decimal digits with leading zeros. */
export function stampText(ns: number): string {
  return Math.floor(ns).toString().padStart(stampDigits, "0");
}

/** Copies a template to `at` of `target`, which has room, and fills in the identity. */
export function copyEvent(template: EventTemplate, identity: AnswerIdentity, target: Buffer, at: number): void {
  target.set(template.bytes, at);
  for (const place of template.createdAt) patchDecimal(target, at + place, createdDigits, identity.createdSec);
  for (const place of template.idsAt) {
    const end = at + place + idDigits;
    for (let i = 0; i < idDigits; i++) target[end - 1 - i] = hexDigits.charCodeAt((identity.ordinal >>> (4 * i)) & 15);
  }
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

/** A chunk of a body in HTTP/1.1's chunked coding. */
export function httpChunk(ascii: string): Buffer {
  return Buffer.from(`${ascii.length.toString(16)}\r\n${ascii}\r\n`, "latin1");
}
