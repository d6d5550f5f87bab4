/**
 * Reads the same page again and again. What stands before a value (name and labels) is looked up, not read, where it was on the page
 * before: usually it follows on the same line as last time, which takes one comparison; else one look into a map.
 */
import { LineScanner, partsOf, type SampleParts, unescaped } from "./line-scanner.ts";

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
  /** A line, or what a comment says, was on none of the pages that are remembered. */
  readonly isNew: boolean;
  /** A line was not on the page before, and is not new. */
  readonly hasReturned: boolean;
  /** A comment says something else of a family than it did, or something for the first time. */
  readonly hasNewFamilies: boolean;
}

export interface PageReaderOptions {
  /** The page must end with `# EOF`, as one of OpenMetrics does. */
  readonly mustEnd?: boolean;
}

/** One piece of a page as it stood there: what is before a value, or a whole comment with its line feed. */
class Piece<Note> implements PageLine<Note> {
  readonly text: string;
  /** undefined: it is a line with a value. */
  readonly comment: Comment | undefined;
  note: Note | undefined;
  /** What followed last time. */
  next: Piece<Note> | undefined;
  /** Number of the page that it was on last. */
  page = 0;
  #parts: SampleParts | undefined;

  constructor(text: string, comment: Comment | undefined) {
    this.text = text;
    this.comment = comment;
    this.note = undefined;
    this.next = undefined;
    this.#parts = undefined;
  }

  get name(): string {
    this.#parts ??= partsOf(this.text);
    return this.#parts.name;
  }

  get labels(): readonly string[] {
    this.#parts ??= partsOf(this.text);
    return this.#parts.labels;
  }
}

type Comment =
  | { readonly says: "type"; readonly family: string; readonly type: FamilyType }
  | { readonly says: "help" | "unit"; readonly family: string; readonly text: string }
  /** For people. */
  | { readonly says: "nothing" };

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
  readonly #first = new Piece<Note>("", undefined);
  /** Lines by what is before their values, made when a line first stands where another one was. */
  #known: Map<string, Piece<Note>> | undefined;
  #lines: readonly PageLine<Note>[] = [];
  #typed = new Set<string>();
  #page = 0;
  #isNew = false;
  #hasReturned = false;
  #hasNewFamilies = false;

  /**
   * Throws `invalid_argument` with reason `METRICS_PAGE_SYNTAX`, line and column (counted from 1, in UTF-16 code units) in message and
   * metadata, at the first thing that is no metrics page. Afterwards the next page can be read as if that had not been.
   */
  read(text: string, options: PageReaderOptions = {}): PageReading<Note> {
    const scanner = new LineScanner(text);
    this.#typed = new Set();
    this.#page++;
    this.#isNew = false;
    this.#hasReturned = false;
    this.#hasNewFamilies = false;
    const lines: Piece<Note>[] = [];
    const values: number[] = [];
    const timestamps: number[] = [];
    let isEnded = false;
    let before = this.#first;
    while (!scanner.isAtEnd && !isEnded) {
      const piece = this.#expected(scanner, before.next) ?? this.#scanned(scanner, before);
      if (piece === "end") isEnded = true;
      else if (piece !== undefined) {
        before = piece;
        if (piece.comment !== undefined) continue;
        if (piece.page < this.#page - 1) this.#hasReturned = true;
        piece.page = this.#page;
        lines.push(piece);
        values.push(scanner.value);
        // Most pages have no times at all.
        if (timestamps.length > 0 || !Number.isNaN(scanner.timestamp)) {
          while (timestamps.length < lines.length - 1) timestamps.push(Number.NaN);
          timestamps.push(scanner.timestamp);
        }
      }
    }
    if (options.mustEnd && !isEnded) scanner.fail("# EOF");
    before.next = undefined;
    this.#keep(lines);
    // OpenMetrics has seconds.
    const timestampsMs =
      timestamps.length > 0 ? Float64Array.from(timestamps, (time) => (isEnded ? time * 1000 : time)) : undefined;
    return {
      lines,
      values: new Float64Array(values),
      timestampsMs,
      isNew: this.#isNew || this.#hasNewFamilies,
      hasReturned: this.#hasReturned,
      hasNewFamilies: this.#hasNewFamilies,
    };
  }

  /** What followed last time, where it stands here with a number behind it; undefined and nothing taken otherwise. */
  #expected(scanner: LineScanner, piece: Piece<Note> | undefined): Piece<Note> | undefined {
    if (piece === undefined || !scanner.text.startsWith(piece.text, scanner.at)) return undefined;
    if (piece.comment === undefined) return this.#withValue(scanner, piece);
    this.#say(piece.comment, scanner);
    scanner.at += piece.text.length;
    return piece;
  }

  #withValue(scanner: LineScanner, piece: Piece<Note>): Piece<Note> | undefined {
    const start = scanner.at;
    scanner.at = start + piece.text.length;
    if (scanner.takeRest()) return piece;
    scanner.at = start;
    return undefined;
  }

  /** Reads a line that is not the expected one; undefined: it says nothing. */
  #scanned(scanner: LineScanner, before: Piece<Note>): Piece<Note> | "end" | undefined {
    const start = scanner.at;
    const known = this.#listed(scanner) ?? this.#scan(scanner, start);
    if (known !== undefined && known !== "end") before.next = known;
    return known;
  }

  /** A known line at another place than before. */
  #listed(scanner: LineScanner): Piece<Note> | undefined {
    if (this.#lines.length === 0) return undefined;
    this.#known ??= new Map((this.#lines as readonly Piece<Note>[]).map((piece) => [piece.text, piece]));
    const blank = scanner.text.lastIndexOf(" ", scanner.lineEnd() - 1);
    const piece = blank < scanner.at ? undefined : this.#known.get(scanner.text.slice(scanner.at, blank + 1));
    return piece && this.#withValue(scanner, piece);
  }

  #scan(scanner: LineScanner, start: number): Piece<Note> | "end" | undefined {
    scanner.skipBlanks();
    if (scanner.isAtLineEnd()) {
      scanner.endLine();
      return undefined;
    }
    return scanner.take(hash) ? this.#scanComment(scanner, start) : this.#scanSample(scanner, start);
  }

  #scanSample(scanner: LineScanner, start: number): Piece<Note> {
    scanner.scanPrefix();
    const prefixEnd = scanner.at;
    if (!scanner.takeRest()) scanner.fail("a value");
    const printed = scanner.text.slice(start, prefixEnd);
    const known = this.#known?.get(printed);
    if (known !== undefined) return known;
    this.#isNew = true;
    // A slice keeps its page in memory: nothing is lost with the first, of which all lines are kept anyway.
    const text = this.#lines.length === 0 ? printed : ownCopy(printed);
    const piece = new Piece<Note>(text, undefined);
    piece.page = this.#page;
    this.#known?.set(text, piece);
    return piece;
  }

  /** `end`: it was the end mark of an OpenMetrics page, and nothing follows. */
  #scanComment(scanner: LineScanner, start: number): Piece<Note> | "end" {
    scanner.skipBlanks();
    const comment = readComment(scanner);
    if (comment === "end") return "end";
    this.#say(comment, scanner);
    scanner.endLine();
    return new Piece<Note>(ownCopy(scanner.text.slice(start, scanner.at)), comment);
  }

  #say(comment: Comment, scanner: LineScanner): void {
    if (comment.says === "nothing") return;
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

  /** Bounds what is kept of pages that are never the same. */
  #keep(lines: readonly Piece<Note>[]): void {
    this.#lines = lines;
    if (this.#known !== undefined && this.#known.size > 2 * lines.length + spareLines) this.#known = undefined;
  }
}

/** What is behind `#` and blanks, to the end of the line. */
function readComment(scanner: LineScanner): Comment | "end" {
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
    return { says: "nothing" };
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
