/**
 * Jinja2 templates with bounds: a template is trusted as little as an answer is. It may loop and build texts, but it ends, in time and
 * in memory. What it renders depends on its variables alone: it knows neither the time nor any file.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { AssayError, messageOf } from "../../services/common/errors.ts";
import type { JsonObject } from "../json-body.ts";

/** Nodes of the template that are evaluated in one rendering: a third of a second. */
export const maxSteps = 200_000;
/** Characters of any text and entries of any list that come up in one rendering. */
export const maxChars = 64 * 1024 * 1024;
export const maxEntries = 1_000_000;

/** A value of the template's own, and the method of the interpreter that makes one of every node: the package's types do not resolve under NodeNext. */
interface TemplateValue {
  readonly value: unknown;
}
type Evaluate = (node: unknown, scope: unknown) => TemplateValue;

/** Renders with these variables. Throws `invalid_argument`: the template uses what is not there, raises an exception or goes over a bound. */
export type Jinja = (variables: JsonObject) => string;

/** @throws `invalid_argument` for what is no template. The parser gives no place for it. */
export function compileJinja(source: string): Jinja {
  const program = attempt("cannot be read", () => parse(tokenize(source)));
  return (variables) =>
    attempt("cannot be rendered", () => {
      const environment = new Environment();
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
      const interpreter = new Interpreter(environment);
      const evaluate: Evaluate = interpreter.evaluate.bind(interpreter);
      let steps = 0;
      // Every node is evaluated by this method, loops' bodies again in each turn.
      const counted: Evaluate = (node, scope) => {
        if (++steps > maxSteps) throw new Error(`it takes more than ${maxSteps} steps`);
        return checkedSize(evaluate(node, scope));
      };
      interpreter.evaluate = counted;
      const { value }: TemplateValue = interpreter.run(program);
      return typeof value === "string" ? value : String(value);
    });
}

const globals: JsonObject = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  raise_exception: (words: unknown) => {
    throw new Error(String(words));
  },
};

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.ceil((stop - start) / step);
  if (!Number.isFinite(count)) throw new Error(`range(${start}, ${stop}, ${step}) has no end`);
  if (count > maxEntries) throw new Error(`range(${start}, ${stop}, ${step}) has more than ${maxEntries} entries`);
  return Array.from({ length: Math.max(0, count) }, (_, index) => start + index * step);
}

function checkedSize(result: TemplateValue): TemplateValue {
  const { value } = result;
  if (typeof value === "string" && value.length > maxChars) throw new Error(`a text in it is longer than ${maxChars} characters`);
  if (Array.isArray(value) && value.length > maxEntries) throw new Error(`a list in it has more than ${maxEntries} entries`);
  return result;
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new AssayError("invalid_argument", `the template ${what}: ${messageOf(error)}`, { cause: error });
  }
}
