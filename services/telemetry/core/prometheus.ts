/**
 * The Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats), with what OpenMetrics 1.0 and UTF-8 names add
 * to its lines. Every byte is looked at a bounded number of times.
 *
 * One thing is taken that the format forbids: label values whose quotes and backslashes are not escaped, as dcgm-exporter's template
 * prints them. A quote ends a value only where a further label or the end of the labels follows.
 */
import { AssayError } from "../../common/errors.ts";

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

export interface PageSample {
  /** As printed, suffixes such as `_bucket` and `_total` included. */
  readonly name: string;
  /** In the order printed. */
  readonly labels: ReadonlyMap<string, string>;
  /** May be NaN or infinite. */
  readonly value: number;
  /** Time of the value in ms since the Unix epoch, where the page gives one. */
  readonly timestampMs: number | undefined;
}

export interface MetricsPage {
  /** In the order printed. */
  readonly samples: readonly PageSample[];
  /** By the name that `# TYPE` names; a family without one is untyped. */
  readonly types: ReadonlyMap<string, FamilyType>;
  /** By the name that `# HELP` names, escapes resolved. */
  readonly helps: ReadonlyMap<string, string>;
}

/**
 * Reads a whole page. Throws `invalid_argument`, with reason `METRICS_PAGE_SYNTAX` and line and column (counted from 1, in UTF-16 code
 * units) in message and metadata, at the first thing that is no metrics page: also a last line without its line feed, since a page cut
 * short there may have lost digits.
 */
export function parseMetricsPage(text: string): MetricsPage {
  const cursor = new Cursor(text);
  const page = { samples: [] as PageSample[], types: new Map<string, FamilyType>(), helps: new Map<string, string>() };
  while (!cursor.isAtEnd) {
    cursor.skipBlanks();
    if (cursor.take("#")) {
      if (readComment(cursor, page)) return withSeconds(page);
    } else if (!cursor.isAtLineEnd) {
      page.samples.push(readSample(cursor));
    }
    cursor.endLine();
  }
  return page;
}

/** Reads what follows `#`; true: it was the end mark of an OpenMetrics page, and nothing follows. */
function readComment(cursor: Cursor, page: { types: Map<string, FamilyType>; helps: Map<string, string> }): boolean {
  cursor.skipBlanks();
  switch (cursor.match(/EOF(?=[ \t]*(?:\n|$))|(?:HELP|TYPE)(?=[ \t])/y)) {
    case "EOF":
      cursor.skipBlanks();
      cursor.take("\n");
      if (!cursor.isAtEnd) cursor.fail("nothing after # EOF");
      return true;
    case "HELP": {
      cursor.skipBlanks();
      const name = readName(cursor);
      cursor.skipBlanks();
      page.helps.set(name, resolveEscapes(cursor.restOfLine()));
      return false;
    }
    case "TYPE": {
      cursor.skipBlanks();
      const name = readName(cursor);
      cursor.skipBlanks();
      const type = cursor.match(/(?:counter|gauge|histogram|summary|untyped|unknown|info|stateset|gaugehistogram)(?=[ \t\n]|$)/y);
      page.types.set(name, (type as FamilyType | undefined) ?? cursor.fail("a metric type"));
      cursor.skipBlanks();
      return false;
    }
    default:
      cursor.restOfLine();
      return false;
  }
}

function readName(cursor: Cursor): string {
  return cursor.match(/[a-zA-Z_:][\w:]*/y) ?? readQuoted(cursor) ?? cursor.fail("a metric name");
}

function readSample(cursor: Cursor): PageSample {
  const bareName = cursor.match(/[a-zA-Z_:][\w:]*/y);
  cursor.skipBlanks();
  const labels = new Map<string, string>();
  const name = cursor.take("{") ? (readLabels(cursor, labels, bareName) ?? bareName) : bareName;
  if (name === undefined) cursor.fail("a metric name");
  cursor.skipBlanks();
  const value = readNumber(cursor) ?? cursor.fail("a value");
  cursor.skipBlanks();
  const timestamp = cursor.match(/-?\d+(?:\.\d+)?(?=[ \t\n])/y);
  cursor.skipBlanks();
  // An exemplar.
  if (cursor.match(/#(?=[ \t]*\{)/y)) cursor.restOfLine();
  return { name, labels, value, timestampMs: timestamp === undefined ? undefined : Number(timestamp) };
}

/** Reads labels and the closing brace; returns the name where it stands among them in quotes. */
function readLabels(cursor: Cursor, labels: Map<string, string>, bareName: string | undefined): string | undefined {
  let name: string | undefined;
  for (;;) {
    cursor.skipBlanks();
    if (cursor.take("}")) return name;
    const bareLabel = cursor.match(/[a-zA-Z_]\w*/y);
    const label = bareLabel ?? readQuoted(cursor) ?? cursor.fail("a label name");
    cursor.skipBlanks();
    if (cursor.take("=")) {
      cursor.skipBlanks();
      if (labels.has(label)) cursor.fail(`no second label ${label}`);
      labels.set(label, readLabelValue(cursor));
    } else if (bareLabel === undefined && name === undefined && bareName === undefined) {
      name = label;
    } else {
      cursor.fail("=");
    }
    cursor.skipBlanks();
    if (!cursor.take(",") && !cursor.isAt("}")) cursor.fail(", or }");
  }
}

/** A quoted string as the format wants it; undefined: no quote here. */
function readQuoted(cursor: Cursor): string | undefined {
  const quoted = cursor.match(/"(?:[^"\\\n]|\\.)*"/y);
  return quoted === undefined ? undefined : resolveEscapes(quoted.slice(1, -1));
}

/** From the opening quote to the quote that can end the value. */
function readLabelValue(cursor: Cursor): string {
  if (!cursor.take('"')) cursor.fail('"');
  let raw = "";
  for (;;) {
    raw += cursor.match(/(?:[^"\\\n]+|\\[^\n])+/y) ?? "";
    if (cursor.match(valueEnd) !== undefined) return resolveEscapes(raw);
    if (!cursor.take('"')) cursor.fail('" at the end of the label value');
    raw += '"';
  }
}

/** A quote before a comma and the next label, or before the closing brace and a value or the end of the line. */
const valueEnd = /"(?=[ \t]*,[ \t]*(?:[a-zA-Z_]\w*|"(?:[^"\\\n]|\\.)*")[ \t]*=|[ \t]*(?:,[ \t]*)?\}[ \t]*(?:[-+.\dniNI]|\n|$))/y;

function resolveEscapes(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

/** A number as Go's ParseFloat takes it, digit separators aside; undefined: none here. */
function readNumber(cursor: Cursor): number | undefined {
  const token = cursor.match(
    /[-+]?(?:0x[\da-f]*\.?[\da-f]*p[-+]?\d+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)(?=[ \t\n]|$)/iy,
  );
  if (token === undefined) return undefined;
  const sign = token.startsWith("-") ? -1 : 1;
  const magnitude = token.replace(/^[-+]/, "").toLowerCase();
  if (magnitude.startsWith("inf")) return sign * Number.POSITIVE_INFINITY;
  return sign * (magnitude.startsWith("0x") ? hexFloat(magnitude.slice(2)) : Number(magnitude));
}

function hexFloat(text: string): number {
  const [mantissa = "", exponent = ""] = text.split("p");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
}

/** OpenMetrics gives timestamps in seconds. */
function withSeconds(page: MetricsPage): MetricsPage {
  const samples = page.samples.map((sample) =>
    sample.timestampMs === undefined ? sample : { ...sample, timestampMs: sample.timestampMs * 1000 },
  );
  return { ...page, samples };
}

/** A place in the text. */
class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  get isAtLineEnd(): boolean {
    return this.isAtEnd || this.isAt("\n");
  }

  isAt(character: string): boolean {
    return this.#text[this.#at] === character;
  }

  take(character: string): boolean {
    if (!this.isAt(character)) return false;
    this.#at += 1;
    return true;
  }

  /** Takes what a sticky expression matches here. */
  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  skipBlanks(): void {
    while (this.isAt(" ") || this.isAt("\t")) this.#at += 1;
  }

  restOfLine(): string {
    return this.match(/[^\n]*/y) ?? "";
  }

  endLine(): void {
    if (!this.take("\n")) this.fail("the end of the line");
  }

  fail(expected: string): never {
    const before = this.#text.slice(0, this.#at);
    const line = before.split("\n").length;
    const column = this.#at - before.lastIndexOf("\n");
    const found = this.isAtEnd ? "nothing" : JSON.stringify(this.#text.slice(this.#at, this.#at + 20));
    throw new AssayError("invalid_argument", `line ${line}, column ${column}: expected ${expected}, got ${found}`, {
      reason: "METRICS_PAGE_SYNTAX",
      metadata: { line: String(line), column: String(column) },
    });
  }
}
