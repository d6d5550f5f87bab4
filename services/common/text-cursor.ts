/** Reads small languages of flags (`--slo`, `--where`) from a text, and shows where it does not fit. Pure. */

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

/** The message with the text below it, and a caret under what does not fit. */
export function shownProblem(text: string, { message, at }: TextProblem): string {
  return `${message}\n    ${text.replaceAll(/\s/g, " ")}\n    ${" ".repeat(at)}^`;
}
