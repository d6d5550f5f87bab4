/**
 * Reads streamed events without parsing JSON. The events of a stream differ in few places: the text, a time, an
 * id. From an event that was parsed, a template is learned: the literal text between those places ("holes"). An event that
 * fits a template has the same JSON but for the values in the holes, so its text is known, or, of one without a text, all it means; whatever
 * fits none is parsed.
 *
 * Why this cannot change a result. A hole accepts only what is a complete JSON number, or the inside of a JSON string without
 * escapes (printable ASCII, neither quote nor backslash), so a fitting event is valid JSON of the learned structure. And a
 * place becomes a hole only if putting other values there was seen to leave the meaning as it was (or, for the text, to
 * change nothing but the text).
 *
 * What is learned is a memory of speed only: whether a stream is read with it or without, the result is the same.
 */
import type { EventMeaning, ReadEvent } from "./event-stream.ts";
import { isJsonObject, parseJson } from "./json-body.ts";

/**
 * Where the next event of the same stream differs from the last one, which fitted a template, in nothing but its text: the usual case, as times
 * and ids are those of the answer. All that is not text is then one piece before it and one behind, held against it as they are.
 */
export class LikeEvent {
  /** As those of the templates, of the event that `isAt` accepted. */
  contentStart = 0;
  contentEnd = 0;
  isReasoning = false;
  part: string | undefined;
  /** Offset behind the event. */
  end = 0;

  #before = "";
  #after = "";
  #misses = 0;

  /** Keeps the plain event `text.slice(start, end)`, whose data fitted a template. A stream whose events always differ in more gives it up. */
  keep(text: string, start: number, end: number, { contentStart, contentEnd, isReasoning, part }: TextEvent): void {
    if (++this.#misses > maxMisses) {
      this.#before = "";
      return;
    }
    this.#before = text.slice(start, contentStart);
    this.#after = text.slice(contentEnd, end);
    this.isReasoning = isReasoning;
    this.part = part;
  }

  /** Whether an event like the last one is at `start`. */
  isAt(text: string, start: number): boolean {
    const before = this.#before;
    if (before === "" || !hasAt(text, before, start)) return false;
    const contentStart = start + before.length;
    const contentEnd = plainTextEnd(text, contentStart);
    if (contentEnd <= contentStart || !hasAt(text, this.#after, contentEnd)) return false;
    this.contentStart = contentStart;
    this.contentEnd = contentEnd;
    this.end = contentEnd + this.#after.length;
    this.#misses = 0;
    return true;
  }
}

/** An event of text alone: where it is, and what it is. */
export type TextEvent = Pick<LikeEvent, "contentStart" | "contentEnd" | "isReasoning" | "part">;

const maxMisses = 4;

/** `content`: the text itself. `text`: a string without meaning here. `number`: a number without meaning here. */
type HoleKind = "content" | "text" | "number";

interface Hole {
  readonly start: number;
  readonly end: number;
  readonly kind: HoleKind;
}

interface Template {
  /** One more than holes: what stands before, between and behind them. */
  readonly literals: readonly string[];
  readonly holes: readonly HoleKind[];
  /** What the event it was learned from means. */
  readonly meaning: EventMeaning;
}

/** Of each kind. */
const maxTemplates = 4;
/** Learning costs about as much as parsing ten events: it may go on only while what was learned is being used. */
const freeLessons = 8;
const matchesPerLesson = 64;

const plainText = /^[ !#-[\]-~]+$/;
// What is not ASCII looks different in the one-character-a-byte text that templates are held against.
const asciiLine = /^[ -~]*$/;
const numberValue = /:\s?(\d+(?:\.\d+)?)(?=[,}])/g;
// Strings that vary from event to event or request to request; a reader of events gives none of them a meaning. The last is the built-in server's stamp.
const idleString = /"(?:id|item_id|model|system_fingerprint|obfuscation|request_id|assay_sent_ns)":\s?"([ !#-[\]-~]*)"/g;

/**
 * The templates of one endpoint. Fields describe the last event that `matches` accepted.
 *
 * Events without a text (who speaks, why the answer ended) are known again only where the endpoint's reader remembers nothing from event to
 * event: it is not asked about them.
 */
export class EventTemplates {
  /** The event's text is `text.slice(contentStart, contentEnd)`: plain ASCII, not empty. */
  contentStart = 0;
  contentEnd = 0;
  /** The text is reasoning. */
  isReasoning = false;
  /** The part of the answer that the text belongs to; undefined where the API has no parts. */
  part: string | undefined;

  readonly #templates: Template[] = [];
  readonly #wordless: Template[] = [];
  readonly #knowsWordless: boolean;
  #matches = 0;
  #lessons = 0;

  constructor({ isStateless = false }: { readonly isStateless?: boolean } = {}) {
    this.#knowsWordless = isStateless;
  }

  /** Whether `text.slice(start, end)` is an event that fits a template. */
  matches(text: string, start: number, end: number): boolean {
    for (const template of this.#templates) {
      if (!this.#fits(template, text, start, end)) continue;
      const { meaning } = template;
      this.isReasoning = meaning.reasoningText !== "";
      this.part = meaning.part;
      this.#matches++;
      return true;
    }
    return false;
  }

  /** What an event without a text means; undefined: it fits no template. */
  meaningAt(text: string, start: number, end: number): EventMeaning | undefined {
    for (const template of this.#wordless) {
      if (!this.#fits(template, text, start, end)) continue;
      this.#matches++;
      return template.meaning;
    }
    return undefined;
  }

  /** Learns from the data of an event that fitted none, and the meaning that `read` gave it. */
  learn(data: string, meaning: EventMeaning, read: ReadEvent): void {
    if (saysMoreThanText(meaning)) return;
    if (this.#matches < (this.#lessons - freeLessons) * matchesPerLesson) return;
    const isWordless = meaning.outputText === "" && meaning.reasoningText === "";
    if (isWordless && !this.#knowsWordless) return;
    const template = isWordless ? wordlessTemplateOf(data, meaning, read) : templateOf(data, meaning, read);
    if (template === undefined) return;
    this.#lessons++;
    const templates = isWordless ? this.#wordless : this.#templates;
    // The newest first: it fits the stream at hand.
    templates.unshift(template);
    if (templates.length > maxTemplates) templates.pop();
  }

  #fits(template: Template, text: string, start: number, end: number): boolean {
    const { literals, holes } = template;
    let at = start;
    for (let index = 0; index < holes.length; index++) {
      const literal = literals[index] as string;
      if (!hasAt(text, literal, at)) return false;
      at += literal.length;
      const kind = holes[index];
      const holeEnd = kind === "number" ? numberEnd(text, at) : plainTextEnd(text, at);
      if (holeEnd < 0) return false;
      if (kind === "content") {
        if (holeEnd === at) return false;
        this.contentStart = at;
        this.contentEnd = holeEnd;
      }
      at = holeEnd;
    }
    const last = literals[holes.length] as string;
    return at + last.length === end && hasAt(text, last, at);
  }
}

/** As `text.startsWith(part, at)`, which V8 does a character at a time: three times slower for parts of this length. */
function hasAt(text: string, part: string, at: number): boolean {
  return text.slice(at, at + part.length) === part;
}

/** Offset of the quote behind a string without escapes and of printable ASCII only, -1 where it is none. */
function plainTextEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    if (code < 0x20 || code > 0x7e || code === 0x5c) return -1;
  }
  return -1;
}

/** Offset behind an unsigned JSON number without exponent, -1 where there is none. */
function numberEnd(text: string, start: number): number {
  const integerEnd = digitsEnd(text, start);
  if (integerEnd === start || (integerEnd > start + 1 && text.charCodeAt(start) === 0x30)) return -1;
  if (text.charCodeAt(integerEnd) !== 0x2e) return integerEnd;
  const fractionEnd = digitsEnd(text, integerEnd + 1);
  return fractionEnd === integerEnd + 1 ? -1 : fractionEnd;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at++;
  return at;
}

/** Of an event whose text is all that it says. */
function templateOf(data: string, meaning: EventMeaning, read: ReadEvent): Template | undefined {
  const { outputText, reasoningText, finishReason, isRole } = meaning;
  if (finishReason !== undefined || isRole !== undefined) return undefined;
  const isReasoning = reasoningText !== "";
  const content = isReasoning ? reasoningText : outputText;
  if ((isReasoning && outputText !== "") || !plainText.test(content) || !asciiLine.test(data)) return undefined;
  const contentHole = findContent(data, content, (other) =>
    means(read, other, isReasoning ? { ...meaning, reasoningText: otherText } : { ...meaning, outputText: otherText }),
  );
  return contentHole && { ...compile(data, withIdleHoles([contentHole], { data, meaning, read })), meaning };
}

function wordlessTemplateOf(data: string, meaning: EventMeaning, read: ReadEvent): Template | undefined {
  if (!asciiLine.test(data)) return undefined;
  return { ...compile(data, withIdleHoles([], { data, meaning, read })), meaning };
}

interface Lesson {
  readonly data: string;
  readonly meaning: EventMeaning;
  readonly read: ReadEvent;
}

/** With the places where other values are seen to change nothing. */
function withIdleHoles(holes: Hole[], { data, meaning, read }: Lesson): Hole[] {
  for (const hole of [...holesOf(data, idleString, "text"), ...holesOf(data, numberValue, "number")]) {
    if (holes.some((taken) => hole.start < taken.end && taken.start < hole.end)) continue;
    const values = hole.kind === "text" ? [otherText] : ["0", "123456789.5"];
    if (values.every((value) => means(read, withHole(data, hole, value), meaning))) holes.push(hole);
  }
  return holes;
}

/** More than a text, who speaks, or why the answer ended. */
function saysMoreThanText(meaning: EventMeaning): boolean {
  return (
    meaning.usage !== undefined ||
    meaning.errorWords !== undefined ||
    meaning.calling !== undefined ||
    meaning.isEnd !== undefined ||
    meaning.isWhole !== undefined ||
    meaning.outputCount !== undefined ||
    meaning.others !== undefined ||
    meaning.hasOtherContent !== undefined ||
    meaning.problem !== undefined ||
    meaning.answerId !== undefined ||
    meaning.specDecode !== undefined ||
    meaning.serverTimes !== undefined
  );
}

const otherText = "~other text~";

/** The place of the text: the one where another text makes the event mean that other text. */
function findContent(data: string, content: string, isRight: (other: string) => boolean): Hole | undefined {
  const quoted = `"${content}"`;
  for (let at = data.indexOf(quoted); at >= 0; at = data.indexOf(quoted, at + 1)) {
    const hole: Hole = { start: at + 1, end: at + 1 + content.length, kind: "content" };
    if (isRight(withHole(data, hole, otherText))) return hole;
  }
  return undefined;
}

function holesOf(data: string, pattern: RegExp, kind: HoleKind): Hole[] {
  return [...data.matchAll(pattern)].map((match) => {
    const value = match[1] as string;
    const end = match.index + match[0].length - (kind === "text" ? 1 : 0);
    return { start: end - value.length, end, kind };
  });
}

function withHole(data: string, hole: Hole, value: string): string {
  return data.slice(0, hole.start) + value + data.slice(hole.end);
}

function means(read: ReadEvent, data: string, expected: EventMeaning): boolean {
  const event = parseJson(data);
  return isJsonObject(event) && JSON.stringify(read(event)) === JSON.stringify(expected);
}

function compile(data: string, holes: Hole[]): Pick<Template, "literals" | "holes"> {
  const ordered = holes.sort((one, other) => one.start - other.start);
  let at = 0;
  const literals = ordered.map((hole) => {
    const literal = data.slice(at, hole.start);
    at = hole.end;
    return literal;
  });
  return { literals: [...literals, data.slice(at)], holes: ordered.map((hole) => hole.kind) };
}
