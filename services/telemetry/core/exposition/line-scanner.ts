/**
 * One line of a metrics page after another: Prometheus text 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats), with what
 * OpenMetrics 1.0 and UTF-8 names add to its lines. Every character is looked at a bounded number of times, and nothing is copied.
 *
 * One thing is taken that the format forbids: label values whose quotes and backslashes are not escaped, as dcgm-exporter's template
 * prints them. A quote ends a value only where a further label or the end of the labels follows.
 */
import { AssayError } from "../../../common/errors.ts";
import { endOfNumber, numberAt } from "./number.ts";

const newline = 10;
const tab = 9;
const space = 32;
const quote = 34;
const hash = 35;
const comma = 44;
const equals = 61;
const backslash = 92;
const openBrace = 123;
const closeBrace = 125;

/** What stands before a value. */
export interface SampleParts {
  readonly name: string;
  /** Name, value, name, value … in the order printed. */
  readonly labels: readonly string[];
}

/** Of a text that `scanPrefix` has taken. */
export function partsOf(prefix: string): SampleParts {
  const scanner = new LineScanner(prefix);
  scanner.skipBlanks();
  scanner.scanPrefix();
  return scanner.parts();
}

/** A place in the text, and what was scanned last. What is wrong is thrown by `fail`. */
export class LineScanner {
  readonly text: string;
  at = 0;
  /** Of the prefix scanned last: where its name stands. Quotes are not part of it. */
  nameStart = 0;
  nameEnd = 0;
  /** Four numbers a label of the labels scanned last: begin and end of its name and of its value, without quotes. */
  readonly spots: number[] = [];
  /** Whether there is a backslash in a quoted name or a label value. */
  hasEscapes = false;
  /** Value of the sample scanned last; may be NaN or infinite. */
  value = 0;
  /** As printed; NaN: none. */
  timestamp = Number.NaN;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  skipBlanks(): void {
    for (let code = this.text.charCodeAt(this.at); code === space || code === tab; code = this.text.charCodeAt(this.at))
      this.at++;
  }

  /** Takes `character` where it stands here. */
  take(character: number): boolean {
    if (this.text.charCodeAt(this.at) !== character) return false;
    this.at++;
    return true;
  }

  takeWord(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  isAtBlank(): boolean {
    const code = this.text.charCodeAt(this.at);
    return code === space || code === tab;
  }

  isAtLineEnd(): boolean {
    return this.isAtEnd || this.text.charCodeAt(this.at) === newline;
  }

  /** Name and labels, to where the value begins. */
  scanPrefix(): void {
    this.hasEscapes = false;
    this.nameStart = this.at;
    this.at = endOfName(this.text, this.at, true);
    this.nameEnd = this.at;
    this.skipBlanks();
    this.spots.length = 0;
    if (this.take(openBrace)) this.#scanLabels(true);
    if (this.nameEnd === this.nameStart) this.fail("a metric name");
    this.skipBlanks();
  }

  /** Value, timestamp, exemplar and the end of the line; false, and nothing taken, where no value begins here. */
  takeRest(): boolean {
    const end = endOfNumber(this.text, this.at);
    if (end === this.at) return false;
    this.value = numberAt(this.text, this.at, end);
    this.timestamp = Number.NaN;
    this.at = end;
    if (this.take(newline)) return true;
    this.skipBlanks();
    this.#scanTimestamp();
    if (this.take(hash)) this.#scanExemplar();
    this.endLine();
    return true;
  }

  /** Of the prefix scanned last, before its rest is taken. */
  parts(): SampleParts {
    const { spots } = this;
    const labels: string[] = [];
    for (let at = 0; at < spots.length; at += 2) labels.push(this.#part(spots[at] ?? 0, spots[at + 1] ?? 0));
    return { name: this.#part(this.nameStart, this.nameEnd), labels };
  }

  #part(from: number, to: number): string {
    const printed = this.text.slice(from, to);
    return this.hasEscapes ? unescaped(printed) : printed;
  }

  /** A metric name as it stands in comments, bare or in quotes. */
  scanName(): string {
    const start = this.at;
    this.at = endOfName(this.text, start, true);
    if (this.at > start) return this.text.slice(start, this.at);
    if (this.text.charCodeAt(start) !== quote) this.fail("a metric name");
    this.#skipQuoted();
    return unescaped(this.text.slice(start + 1, this.at - 1));
  }

  restOfLine(): string {
    const start = this.at;
    this.skipLine();
    return this.text.slice(start, this.at);
  }

  skipLine(): void {
    this.at = this.lineEnd();
  }

  /** Where the line feed of this line stands, or the end. */
  lineEnd(): number {
    const end = this.text.indexOf("\n", this.at);
    return end === -1 ? this.text.length : end;
  }

  /** Also of the last line: a page that was cut short may have lost digits there. */
  endLine(): void {
    if (!this.take(newline)) this.fail("the end of the line");
  }

  /** Throws `invalid_argument` with reason `METRICS_PAGE_SYNTAX`; `line` and `column` are counted from 1, in UTF-16 code units. */
  fail(expected: string): never {
    const line = this.text.slice(0, this.at).split("\n").length;
    const column = this.at === 0 ? 1 : this.at - this.text.lastIndexOf("\n", this.at - 1);
    const found = this.isAtEnd ? "nothing" : JSON.stringify(this.text.slice(this.at, this.at + 20));
    throw new AssayError("invalid_argument", `line ${line}, column ${column}: expected ${expected}, got ${found}`, {
      reason: "METRICS_PAGE_SYNTAX",
      metadata: { line: String(line), column: String(column) },
    });
  }

  #scanTimestamp(): void {
    const end = endOfNumber(this.text, this.at);
    if (end === this.at) return;
    if (!/^-?\d+(?:\.\d+)?$/.test(this.text.slice(this.at, end))) this.fail("the end of the line");
    this.timestamp = numberAt(this.text, this.at, end);
    this.at = end;
    this.skipBlanks();
  }

  /** Checked and dropped: what stands behind the hash, one observation out of many. */
  #scanExemplar(): void {
    const { timestamp } = this;
    this.skipBlanks();
    if (!this.take(openBrace)) this.fail("{");
    // The sample's own name and labels stand in its prefix.
    this.spots.length = 0;
    this.#scanLabels(false);
    this.skipBlanks();
    const end = endOfNumber(this.text, this.at);
    if (end === this.at) this.fail("the exemplar's value");
    this.at = end;
    this.skipBlanks();
    this.#scanTimestamp();
    this.timestamp = timestamp;
  }

  /** To behind the closing brace. The metric's name may stand among the labels in quotes. */
  #scanLabels(mayName: boolean): void {
    const { text } = this;
    for (;;) {
      this.skipBlanks();
      if (this.take(closeBrace)) return;
      let start = this.at;
      const bareEnd = endOfName(text, start, false);
      let end = bareEnd;
      if (bareEnd === start) {
        if (text.charCodeAt(start) !== quote) this.fail("a label name");
        this.#skipQuoted();
        start++;
        end = this.at - 1;
      } else {
        this.at = bareEnd;
      }
      this.skipBlanks();
      if (this.take(equals)) {
        this.skipBlanks();
        if (!this.take(quote)) this.fail('"');
        const valueStart = this.at;
        if (this.#hasLabel(start, end)) {
          this.at = valueStart - 1;
          this.fail(`no second label ${text.slice(start, end)}`);
        }
        this.spots.push(start, end, valueStart, this.#skipLabelValue());
      } else if (mayName && end !== bareEnd && this.nameStart === this.nameEnd) {
        this.nameStart = start;
        this.nameEnd = end;
      } else {
        this.fail("=");
      }
      this.skipBlanks();
      if (!this.take(comma) && text.charCodeAt(this.at) !== closeBrace) this.fail(", or }");
    }
  }

  #hasLabel(start: number, end: number): boolean {
    const { spots, text } = this;
    for (let at = 0; at < spots.length; at += 4) {
      const from = spots[at] ?? 0;
      if ((spots[at + 1] ?? 0) - from !== end - start) continue;
      let same = 0;
      while (same < end - start && text.charCodeAt(from + same) === text.charCodeAt(start + same)) same++;
      if (same === end - start) return true;
    }
    return false;
  }

  /** A quoted name as the format wants it. */
  #skipQuoted(): void {
    const start = this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === quote) break;
      if (code === backslash) {
        this.hasEscapes = true;
        this.at++;
      }
      if (this.isAtLineEnd()) {
        this.at = start;
        this.fail("a name in quotes");
      }
      this.at++;
    }
    this.at++;
  }

  /** To behind the quote that can end the value; returns where that stands. */
  #skipLabelValue(): number {
    const { text } = this;
    let { at } = this;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        if (this.#endsValue(at)) {
          this.at = at + 1;
          return at;
        }
      } else if (code === backslash) {
        this.hasEscapes = true;
        if (text.charCodeAt(at + 1) !== newline) at++;
      } else if (code === newline || at >= text.length) {
        this.at = Math.min(at, text.length);
        this.fail('" at the end of the label value');
      }
      at++;
    }
  }

  /** Whether a quote stands before a comma and the next label, or before the closing brace and a value or the end of the line. */
  #endsValue(at: number): boolean {
    const { text } = this;
    const next = text.charCodeAt(at + 1);
    if (next === comma) {
      const end = endOfName(text, at + 2, false);
      if (end > at + 2 && text.charCodeAt(end) === equals) return true;
    } else if (next === closeBrace && text.charCodeAt(at + 2) === space && isDigit(text.charCodeAt(at + 3))) {
      return true;
    }
    valueEnd.lastIndex = at;
    return valueEnd.test(text);
  }
}

const valueEnd = /"(?=[ \t]*,[ \t]*(?:[a-zA-Z_]\w*|"(?:[^"\\\n]|\\.)*")[ \t]*=|[ \t]*(?:,[ \t]*)?\}[ \t]*(?:[-+.\dniNI]|\n|$))/y;

/** `\\`, `\"` and `\n`; others stay as they are. */
export function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

/** By character: 1 begins a name, 2 goes on with one, 3 is a colon. */
const inNames = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[a-zA-Z_]/.test(character)) inNames[code] = 1;
  else if (/\d/.test(character)) inNames[code] = 2;
  else if (character === ":") inNames[code] = 3;
}

/** The first place behind a name; `at` itself where none begins. */
function endOfName(text: string, at: number, mayHaveColons: boolean): number {
  for (let end = at; ; end++) {
    const kind = inNames[text.charCodeAt(end)] ?? 0;
    if (kind !== 1 && !(kind === 2 && end > at) && !(kind === 3 && mayHaveColons)) return end;
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
