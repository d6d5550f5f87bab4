/**
 * Reads the same page again and again. What stands before a value (name and labels) is looked up, not read, where it was on the page
 * before: usually it follows on the same line as last time, which takes one comparison; else one look into a map.
 */
import { LineScanner, unescaped } from "./line-scanner.ts";

/** `untyped` and `unknown` are both for values of which nobody says what they are. */
export type FamilyType =
  | "counter"
  | "gauge"
  | "histogram"
  | "summary"
  | "untyped"
  | "unknown"
  | "info"
  | "stateset"
  | "gaugehistogram";

/** What comments say of a family. */
export interface FamilyText {
  readonly type: FamilyType | undefined;
  /** Escapes resolved. */
  readonly help: string | undefined;
  /** OpenMetrics' `# UNIT`. */
  readonly unit: string | undefined;
}

/** What stands before a value. One object for all scrapes on which it is seen. */
export interface PageLine<Note> {
  /** As printed, suffixes such as `_bucket` and `_total` included. */
  readonly name: string;
  /** Name, value, name, value … in the order printed. */
  readonly labels: readonly string[];
  /** What the owner of the reader makes of the line; the reader leaves it alone. */
  note: Note | undefined;
}

export interface PageReading<Note> {
  /** In the order printed. */
  readonly lines: readonly PageLine<Note>[];
  /** One a line; may be NaN or infinite. */
  readonly values: Float64Array;
  /** One a line, in ms since the Unix epoch, NaN where there is none; undefined: no line has one. */
  readonly timestampsMs: Float64Array | undefined;
  /** A line, or what a comment says, is new since the page before. */
  readonly isNew: boolean;
  /** A comment says something else of a family than it did, or something for the first time. */
  readonly hasNewFamilies: boolean;
}

export interface PageReaderOptions {
  /** The page must end with `# EOF`, as one of OpenMetrics does. */
  readonly mustEnd?: boolean;
}

/** One piece of a page as it stood there: what is before a value, or a whole comment with its line feed. */
interface Known<Note> {
  readonly text: string;
  readonly line: PageLine<Note> | undefined;
  readonly comment: Comment | undefined;
  /** What followed last time. */
  next: Known<Note> | undefined;
}

type Comment = { readonly family: string } & (
  | { readonly says: "type"; readonly type: FamilyType }
  | { readonly says: "help" | "unit"; readonly text: string }
);

const hash = 35;
const newline = 10;
const types: ReadonlySet<string> = new Set<FamilyType>([
  "counter",
  "gauge",
  "histogram",
  "summary",
  "untyped",
  "unknown",
  "info",
  "stateset",
  "gaugehistogram",
]);
/** So many lines of former pages are kept beside those of this one. */
const spareLines = 1_000;

export class PageReader<Note> {
  /** By the name that the comments use. Names of former pages stay. */
  readonly families = new Map<string, FamilyText>();
  readonly #first: Known<Note> = { text: "", line: undefined, comment: undefined, next: undefined };
  #known = new Map<string, Known<Note>>();
  #typed = new Set<string>();
  #isNew = false;
  #hasNewFamilies = false;

  /**
   * Throws `invalid_argument` with reason `METRICS_PAGE_SYNTAX`, line and column (counted from 1, in UTF-16 code units) in message and
   * metadata, at the first thing that is no metrics page. Afterwards the next page can be read as if that had not been.
   */
  read(text: string, options: PageReaderOptions = {}): PageReading<Note> {
    const scanner = new LineScanner(text);
    this.#typed = new Set();
    this.#isNew = false;
    this.#hasNewFamilies = false;
    const lines: PageLine<Note>[] = [];
    const values: number[] = [];
    const timestamps: number[] = [];
    let hasTimestamps = false;
    let isEnded = false;
    let before = this.#first;
    while (!scanner.isAtEnd && !isEnded) {
      const known = this.#expected(scanner, before.next) ?? this.#scanned(scanner, before);
      if (known === "end") isEnded = true;
      else if (known !== undefined) {
        before = known;
        if (known.line === undefined) continue;
        lines.push(known.line);
        values.push(scanner.value);
        timestamps.push(scanner.timestamp);
        hasTimestamps ||= !Number.isNaN(scanner.timestamp);
      }
    }
    if (options.mustEnd && !isEnded) scanner.fail("# EOF");
    before.next = undefined;
    this.#forget(lines.length);
    // OpenMetrics has seconds.
    const timestampsMs = hasTimestamps ? Float64Array.from(timestamps, (time) => (isEnded ? time * 1000 : time)) : undefined;
    return {
      lines,
      values: new Float64Array(values),
      timestampsMs,
      isNew: this.#isNew || this.#hasNewFamilies,
      hasNewFamilies: this.#hasNewFamilies,
    };
  }

  /** What followed last time, where it stands here with a number behind it; undefined and nothing taken otherwise. */
  #expected(scanner: LineScanner, known: Known<Note> | undefined): Known<Note> | undefined {
    if (known === undefined || !scanner.text.startsWith(known.text, scanner.at)) return undefined;
    if (known.line !== undefined) return this.#withValue(scanner, known);
    if (known.comment !== undefined) this.#say(known.comment, scanner);
    scanner.at += known.text.length;
    return known;
  }

  #withValue(scanner: LineScanner, known: Known<Note>): Known<Note> | undefined {
    const start = scanner.at;
    scanner.at = start + known.text.length;
    if (scanner.takeRest()) return known;
    scanner.at = start;
    return undefined;
  }

  /** Reads a line; undefined: it says nothing. */
  #scanned(scanner: LineScanner, before: Known<Note>): Known<Note> | "end" | undefined {
    const start = scanner.at;
    const blank = scanner.text.lastIndexOf(" ", scanner.lineEnd() - 1);
    const listed = blank < start ? undefined : this.#known.get(scanner.text.slice(start, blank + 1));
    const again = listed && this.#withValue(scanner, listed);
    if (again !== undefined) {
      before.next = again;
      return again;
    }
    scanner.skipBlanks();
    if (scanner.isAtLineEnd()) {
      scanner.endLine();
      return undefined;
    }
    const found = scanner.take(hash) ? this.#scanComment(scanner, start) : this.#scanSample(scanner, start);
    if (found !== "end" && found !== undefined) before.next = found;
    return found;
  }

  #scanSample(scanner: LineScanner, start: number): Known<Note> {
    scanner.scanPrefix();
    const prefixEnd = scanner.at;
    if (!scanner.takeRest()) scanner.fail("a value");
    const known = this.#known.get(scanner.text.slice(start, prefixEnd));
    if (known !== undefined) return known;
    this.#isNew = true;
    const text = ownCopy(scanner.text.slice(start, prefixEnd));
    const part = (from: number, to: number): string => {
      const printed = text.slice(from - start, to - start);
      return scanner.hasEscapes ? unescaped(printed) : printed;
    };
    const { spots } = scanner;
    const labels: string[] = [];
    for (let at = 0; at < spots.length; at += 4) {
      const [nameStart = 0, nameEnd = 0, valueStart = 0, valueEnd = 0] = spots.slice(at, at + 4);
      const name = part(nameStart, nameEnd);
      for (let label = 0; label < labels.length; label += 2) {
        if (labels[label] !== name) continue;
        scanner.at = valueStart - 1;
        scanner.fail(`no second label ${name}`);
      }
      labels.push(name, part(valueStart, valueEnd));
    }
    const line = { name: part(scanner.nameStart, scanner.nameEnd), labels, note: undefined };
    const added: Known<Note> = { text, line, comment: undefined, next: undefined };
    this.#known.set(text, added);
    return added;
  }

  /** `end`: it was the end mark of an OpenMetrics page, and nothing follows. */
  #scanComment(scanner: LineScanner, start: number): Known<Note> | "end" {
    scanner.skipBlanks();
    const comment = readComment(scanner);
    if (comment === "end") return "end";
    if (comment !== undefined) this.#say(comment, scanner);
    scanner.endLine();
    return { text: ownCopy(scanner.text.slice(start, scanner.at)), line: undefined, comment, next: undefined };
  }

  #say(comment: Comment, scanner: LineScanner): void {
    const { family } = comment;
    const said = this.families.get(family) ?? { type: undefined, help: undefined, unit: undefined };
    if (comment.says === "type") {
      if (this.#typed.has(family) && said.type !== comment.type) scanner.fail(`no second type of ${family}`);
      this.#typed.add(family);
      if (said.type === comment.type) return;
      this.families.set(family, { ...said, type: comment.type });
    } else {
      if (said[comment.says] === comment.text) return;
      this.families.set(family, { ...said, [comment.says]: comment.text });
    }
    this.#hasNewFamilies = true;
  }

  /** Bounds what is kept of pages that are never the same: lines of this page stay, being the chain. */
  #forget(lines: number): void {
    if (this.#known.size <= 2 * lines + spareLines) return;
    this.#known = new Map();
    let left = lines;
    for (let known = this.#first.next; known !== undefined && left > 0; known = known.next) {
      if (known.line === undefined) continue;
      this.#known.set(known.text, known);
      left--;
    }
  }
}

/** What is behind `#` and blanks, to the end of the line; undefined: a comment for people. */
function readComment(scanner: LineScanner): Comment | "end" | undefined {
  if (scanner.takeWord("EOF")) {
    scanner.skipBlanks();
    if (scanner.isAtLineEnd()) {
      scanner.take(newline);
      if (!scanner.isAtEnd) scanner.fail("nothing after # EOF");
      return "end";
    }
  }
  const says = scanner.takeWord("TYPE")
    ? "type"
    : scanner.takeWord("HELP")
      ? "help"
      : scanner.takeWord("UNIT")
        ? "unit"
        : undefined;
  if (says === undefined || !scanner.isAtBlank()) {
    scanner.skipLine();
    return undefined;
  }
  scanner.skipBlanks();
  const family = ownCopy(scanner.scanName());
  if (!scanner.isAtBlank() && !scanner.isAtLineEnd()) scanner.fail("a blank");
  scanner.skipBlanks();
  if (says !== "type") {
    return { says, family, text: ownCopy(unescaped(scanner.restOfLine())) };
  }
  const start = scanner.at;
  const [type = ""] = scanner.restOfLine().split(/[ \t]/, 1);
  scanner.at = start;
  if (!isType(type)) scanner.fail("a metric type");
  scanner.at += type.length;
  scanner.skipBlanks();
  return { says, family, type };
}

function isType(text: string): text is FamilyType {
  return types.has(text);
}

/** The same text without what it was cut out of: a slice keeps its whole page in memory. */
function ownCopy(slice: string): string {
  return [slice.slice(0, 1), slice.slice(1)].join("");
}
