/**
 * The language of filters over a run's records, from text to a tree. Pure.
 *
 * filter = and { "OR" and }; and = not { "AND" not }; not = "NOT" not | "(" filter ")" | comparison;
 * comparison = field operator value; operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains, whatever the case of A to Z);
 * value = number [ unit ] | text in double quotes, with \" and \\ | "true" | "false" | "none" (the request has no such value).
 * Words are read in any case, fields as they are spelled.
 */
import { factorOf, scaled, unitFactors } from "../../common/metric-names.ts";
import { TextCursor, type TextProblem } from "../../common/text-cursor.ts";
import { type FilterField, type FilterKind, filterField, meantField } from "./filter-fields.ts";

export type FilterOperator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~";

export type Filter =
  | { readonly is: "and" | "or"; readonly parts: readonly Filter[] }
  | { readonly is: "not"; readonly part: Filter }
  | {
      readonly is: "comparison";
      readonly field: FilterField;
      readonly operator: FilterOperator;
      /** Numbers in the field's unit; `undefined`: `none`. */
      readonly value: number | string | boolean | undefined;
    };

export type FilterRead = { readonly filter: Filter } | { readonly problem: TextProblem };

/** Bounds that no person's filter meets; SQLite has such bounds, too. */
export const mostComparisons = 200;
export const deepestFilter = 100;

/** Reads a filter. Never throws; says the first problem alone. */
export function readFilter(text: string): FilterRead {
  try {
    return { filter: new FilterReader(text).whole() };
  } catch (error) {
    if (error instanceof Misfit) return { problem: error.problem };
    throw error;
  }
}

/** Ends the reading, from whatever depth. */
class Misfit extends Error {
  readonly problem: TextProblem;

  constructor(problem: TextProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

const numberPattern = /[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/iy;
const unitPattern = /(?!(?:and|or)\b)[a-zµμ%/]+/iy;

class FilterReader {
  readonly #cursor: TextCursor;
  #comparisons = 0;
  #depth = 0;

  constructor(text: string) {
    this.#cursor = new TextCursor(text);
  }

  whole(): Filter {
    const filter = this.#or();
    return this.#cursor.isAtEnd ? filter : this.#expected("AND, OR or the end");
  }

  #or(): Filter {
    return this.#joined("or", /or\b/iy, () => this.#and());
  }

  #and(): Filter {
    return this.#joined("and", /and\b/iy, () => this.#not());
  }

  #joined(is: "and" | "or", word: RegExp, next: () => Filter): Filter {
    const first = next();
    const parts = [first];
    while (this.#cursor.take(word) !== undefined) parts.push(next());
    return parts.length === 1 ? first : { is, parts };
  }

  #not(): Filter {
    const { at } = this.#cursor;
    if (this.#cursor.take(/not\b/iy) !== undefined) {
      return this.#deeper(at, () => ({ is: "not", part: this.#not() }));
    }
    if (this.#cursor.take(/\(/y) === undefined) return this.#comparison();
    return this.#deeper(at, () => {
      const filter = this.#or();
      return this.#cursor.take(/\)/y) === undefined ? this.#expected("AND, OR or )") : filter;
    });
  }

  #deeper(at: number, read: () => Filter): Filter {
    if (++this.#depth > deepestFilter) throw new Misfit({ message: `more than ${deepestFilter} levels of NOT and (`, at });
    const filter = read();
    this.#depth--;
    return filter;
  }

  #comparison(): Filter {
    const name = this.#cursor.take(/[a-z_][\w.]*/iy);
    if (name === undefined) return this.#expected("a field, NOT or (");
    if (++this.#comparisons > mostComparisons) {
      throw new Misfit({ message: `more than ${mostComparisons} comparisons`, at: name.at });
    }
    const field = filterField(name.text);
    if (field === undefined) {
      throw new Misfit({ message: `unknown field ${name.text}${meantField(name.text)}`, at: name.at });
    }
    const { at } = this.#cursor;
    // The pattern takes nothing else.
    const operator = this.#cursor.take(/!=|[<>]=?|[=~]/y)?.text as FilterOperator | undefined;
    if (operator === undefined) return this.#expected("=, !=, <, <=, >, >= or ~");
    const known = operatorsOf(field.kind);
    if (!known.includes(operator)) {
      throw new Misfit({ message: `${name.text} is ${shownKind(field.kind)}: expected ${listed(known)}`, at });
    }
    return { is: "comparison", field, operator, value: this.#value(name.text, field.kind, operator) };
  }

  #value(name: string, kind: FilterKind, operator: FilterOperator): number | string | boolean | undefined {
    const isEquality = operator === "=" || operator === "!=";
    if (isEquality && this.#cursor.take(/none\b/iy) !== undefined) return undefined;
    switch (kind.is) {
      case "number":
        return this.#number(name, kind.unit) ?? this.#expected("a number");
      case "text":
        return this.#text() ?? this.#expected("a text in double quotes");
      case "flag": {
        const word = this.#cursor.take(/(true|false)\b/iy)?.text ?? this.#expected("true or false");
        return word.toLowerCase() === "true";
      }
      case "named": {
        const isText = isEquality || operator === "~";
        const label = isText ? this.#text() : undefined;
        if (label !== undefined) return label;
        if (operator === "~") return this.#expected("a text in double quotes");
        return this.#number(name, undefined) ?? this.#expected(isText ? "a text in double quotes or a number" : "a number");
      }
    }
  }

  #number(name: string, unit: (FilterKind & { is: "number" })["unit"]): number | undefined {
    const number = this.#cursor.take(numberPattern);
    if (number === undefined) return undefined;
    const written = this.#cursor.take(unitPattern);
    if (written === undefined) return Number(number.text);
    const factor = unit === undefined ? undefined : factorOf(unit, written.text);
    if (factor !== undefined) return scaled(Number(number.text), factor);
    const known = unit === undefined ? "has no unit" : `is in ${Object.keys(unitFactors(unit)).join(", ")}`;
    throw new Misfit({ message: `unknown unit ${written.text}: ${name} ${known}`, at: written.at });
  }

  #text(): string | undefined {
    const { at } = this.#cursor;
    const quoted = this.#cursor.take(/"(?:[^"\\]|\\["\\])*"/y);
    if (quoted !== undefined) return quoted.text.slice(1, -1).replaceAll(/\\(["\\])/g, "$1");
    if (this.#cursor.take(/"/y) === undefined) return undefined;
    throw new Misfit({ message: 'a text that begins here has no end; \\" and \\\\ stand for " and \\ in it', at });
  }

  #expected(what: string): never {
    throw new Misfit(this.#cursor.problem(`expected ${what}`).problem);
  }
}

function operatorsOf(kind: FilterKind): readonly FilterOperator[] {
  switch (kind.is) {
    case "number":
      return ["=", "!=", "<", "<=", ">", ">="];
    case "text":
      return ["=", "!=", "~"];
    case "flag":
      return ["=", "!="];
    case "named":
      return ["=", "!=", "<", "<=", ">", ">=", "~"];
  }
}

function shownKind(kind: FilterKind): string {
  return { number: "a number", text: "a text", flag: "true or false", named: "an index with a name" }[kind.is];
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
