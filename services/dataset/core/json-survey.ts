/**
 * Where things are in a JSON text: the first mistake with what was expected there, and the members of the outermost object. Only
 * for telling: what a text means is `JSON.parse`'s to say, which accepts exactly the texts in which no mistake is found. Pure.
 */

export interface JsonSurvey {
  /** Undefined: the text is JSON. */
  readonly mistake: JsonMistake | undefined;
  /** Offsets of the names of the outermost object's members; of a name that stands twice, the last. */
  readonly members: ReadonlyMap<string, number>;
}

export interface JsonMistake {
  /** In UTF-16 units. */
  readonly offset: number;
  readonly expected: string;
}

type Awaited = "value" | "item" | "first item" | "name" | "first name" | "colon" | "comma" | "end";

const blank = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escaped = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** Goes through the text once, up to its first mistake. */
export function surveyJson(text: string): JsonSurvey {
  const survey = new Surveyor(text);
  return { mistake: survey.run(), members: survey.members };
}

class Surveyor {
  readonly members = new Map<string, number>();
  readonly #text: string;
  /** The ends of the containers that are open, outermost first. */
  readonly #ends: ("}" | "]")[] = [];
  #at = 0;
  #awaited: Awaited = "value";

  constructor(text: string) {
    this.#text = text;
  }

  run(): JsonMistake | undefined {
    for (;;) {
      this.#at = matchEnd(blank, this.#text, this.#at) ?? this.#at;
      if (this.#awaited === "end") {
        return this.#at === this.#text.length ? undefined : { offset: this.#at, expected: "nothing more" };
      }
      const mistake = this.#step(this.#text[this.#at]);
      if (mistake !== undefined) return mistake;
    }
  }

  #step(next: string | undefined): JsonMistake | undefined {
    switch (this.#awaited) {
      case "first name":
        if (next === "}") return this.#close();
        return next === '"' ? this.#name() : this.#expected("a name in double quotes, or }");
      case "name":
        return next === '"' ? this.#name() : this.#expected("a name in double quotes");
      case "colon":
        return next === ":" ? this.#go("value") : this.#expected("a colon");
      case "comma": {
        const end = this.#ends.at(-1) as "}" | "]";
        if (next === end) return this.#close();
        return next === "," ? this.#go(end === "}" ? "name" : "item") : this.#expected(`a comma or ${end}`);
      }
      case "first item":
        return next === "]" ? this.#close() : this.#value(next, "a value or ]");
      default:
        return this.#value(next, "a value");
    }
  }

  #value(next: string | undefined, expected: string): JsonMistake | undefined {
    if (next === "{" || next === "[") {
      this.#ends.push(next === "{" ? "}" : "]");
      return this.#go(next === "{" ? "first name" : "first item");
    }
    if (next === '"') return this.#string() ?? this.#afterValue();
    const end = matchEnd(scalar, this.#text, this.#at);
    if (end === undefined) return this.#expected(expected);
    this.#at = end;
    return this.#afterValue();
  }

  #name(): JsonMistake | undefined {
    const start = this.#at;
    const mistake = this.#string();
    if (mistake !== undefined) return mistake;
    if (this.#ends.length === 1) this.members.set(JSON.parse(this.#text.slice(start, this.#at)) as string, start);
    this.#awaited = "colon";
    return undefined;
  }

  /** Steps over a string; its quote is next. */
  #string(): JsonMistake | undefined {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return undefined;
      }
      if (code < 0x20)
        return { offset: at, expected: "no control character in a string, unless it is written as \\u and four digits" };
      if (code !== 0x5c) continue;
      const end = matchEnd(escaped, this.#text, at);
      if (end === undefined) return { offset: at, expected: "an escape that JSON knows" };
      at = end - 1;
    }
    return { offset: this.#text.length, expected: "a closing quote" };
  }

  #go(awaited: Awaited): undefined {
    this.#at++;
    this.#awaited = awaited;
  }

  #close(): undefined {
    this.#at++;
    this.#ends.pop();
    return this.#afterValue();
  }

  #afterValue(): undefined {
    this.#awaited = this.#ends.length === 0 ? "end" : "comma";
  }

  #expected(expected: string): JsonMistake {
    return { offset: this.#at, expected };
  }
}

/** Where a sticky pattern ends that begins at this offset; undefined: it does not. */
function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** The column of an offset: characters from the line's start, the first being 1. */
export function columnOf(text: string, offset: number): number {
  let column = 1;
  for (const _ of text.slice(0, offset)) column++;
  return column;
}
