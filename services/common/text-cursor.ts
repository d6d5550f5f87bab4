/** Reads small languages of flags (`--slo`, `--where`) from a text, and shows where it does not fit. Pure. */
import { widthOf } from "../../report/text.ts";

/** What is wrong with a text, and where: `at` is the place of the first character that does not fit. */
export interface TextProblem {
  readonly message: string;
  readonly at: number;
}

/** A piece of the text, and its place. */
export interface Token {
  readonly text: string;
  readonly at: number;
}

/** Reads a text from its start, past white space. */
export class TextCursor {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  get isAtEnd(): boolean {
    return this.at >= this.#text.length;
  }

  /** What a sticky pattern finds here; undefined, and nothing is taken, where it finds nothing. */
  take(pattern: RegExp): Token | undefined {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.#text)?.[0];
    if (text === undefined) return undefined;
    const token = { text, at: this.at };
    this.at += text.length;
    this.#skip();
    return token;
  }

  /** That something else was expected here. */
  problem(message: string): { readonly problem: TextProblem } {
    return { problem: { message, at: Math.min(this.at, this.#text.length) } };
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.at] ?? "")) this.at++;
  }
}

/** So many characters of the text are shown on each side of what does not fit. */
const mostShown = 72;

/** The message with the text around what does not fit below it, and a caret under that. */
export function shownProblem(text: string, { message, at }: TextProblem): string {
  const before = [...onOneLine(text.slice(0, at))];
  const after = [...onOneLine(text.slice(at))];
  const start = before.length > mostShown ? `… ${before.slice(-mostShown).join("")}` : before.join("");
  const end = after.length > mostShown ? `${after.slice(0, mostShown).join("")} …` : after.join("");
  return `${message}\n    ${start}${end}\n    ${" ".repeat(widthOf(start))}^`;
}

function onOneLine(text: string): string {
  return text.replaceAll(/\s/g, " ").replaceAll(/\p{Cc}/gu, "\ufffd");
}
