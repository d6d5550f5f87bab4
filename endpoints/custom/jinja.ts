/**
 * Jinja2 templates with bounds: a template is trusted as little as an answer is. It may loop and build texts, but it ends, in time and
 * in memory. What it renders depends on its variables alone: it knows neither the time nor any file.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { AssayError, messageOf } from "../../services/common/errors.ts";
import type { JsonObject } from "../json-body.ts";

/**
 * Nodes of the template that are evaluated in one rendering, a third of a second of small values. What reads a large value takes
 * longer, and counts as so many nodes more: seconds at most, whatever the template does.
 */
export const maxSteps = 200_000;
/**
 * Characters of a template, and white space in a row in it, for which the package that reads it takes the square of it. So it is read in a
 * second or two, whatever stands there.
 */
const maxTemplateChars = 128 * 1024;
const maxBlanks = 256;
/** Characters of any text and entries of any list that come up in one rendering, with all that is within it. */
export const maxChars = 64 * 1024 * 1024;
export const maxEntries = 1_000_000;

/** Characters, and entries, of a value that count as a node. */
const charsOfStep = 2048;
const entriesOfStep = 8;

/** A value of the template's own, and the method of the interpreter that makes one of every node: the package's types do not resolve under NodeNext. */
interface TemplateValue {
  readonly type: string;
  readonly value: unknown;
}
type Evaluate = (node: unknown, scope: unknown) => TemplateValue;

/** Renders with these variables. Throws `invalid_argument`: the template uses what is not there, raises an exception or goes over a bound. */
export type Jinja = (variables: JsonObject) => string;

/** @throws `invalid_argument` for what is no template. The parser gives no place for it. */
export function compileJinja(source: string): Jinja {
  const render = attempt("cannot be read", () => boundedJinja(source));
  return (variables) => attempt("cannot be rendered", () => render(variables));
}

/**
 * As `compileJinja`, but what is wrong is thrown as an `Error` that says it and nothing of the template.
 * @param trimsBlocks a line that begins with a block has nothing in front of it, and ends with it, as in chat templates
 */
export function boundedJinja(source: string, { trimsBlocks = false } = {}): Jinja {
  checkLength(source);
  const program = parse(tokenize(source, { lstrip_blocks: trimsBlocks, trim_blocks: trimsBlocks }));
  return (variables) => {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    const interpreter = new Interpreter(environment);
    const evaluate: Evaluate = interpreter.evaluate.bind(interpreter);
    const sizes: Sizes = new WeakMap();
    let steps = 0;
    // Every node is evaluated by this method, loops' bodies again in each turn.
    const counted: Evaluate = (node, scope) => {
      const value = evaluate(node, scope);
      const { chars, entries } = checkedSize(value, sizes);
      steps += 1 + chars / charsOfStep + entries / entriesOfStep;
      if (steps > maxSteps) throw new Error(`it takes more than ${maxSteps} steps`);
      return value;
    };
    interpreter.evaluate = counted;
    const { value }: TemplateValue = interpreter.run(program);
    return typeof value === "string" ? value : String(value);
  };
}

function checkLength(source: string): void {
  if (source.length > maxTemplateChars) throw new Error(`it is longer than ${maxTemplateChars} characters`);
  for (const [{ length }] of source.matchAll(/\s+/g)) {
    if (length > maxBlanks) throw new Error(`it has more than ${maxBlanks} characters of white space in a row`);
  }
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

/** What a value has in it, each part as often as it is there: that is what it takes to read or to write all of it. */
interface Size {
  readonly chars: number;
  readonly entries: number;
  /** It may have another size later. */
  readonly isChangeable: boolean;
}

/** Of lists and objects, which never change unless there is a namespace in them. */
type Sizes = WeakMap<TemplateValue, Size>;

const noSize: Size = { chars: 0, entries: 0, isChangeable: false };

function checkedSize(value: TemplateValue, sizes: Sizes): Size {
  if (typeof value.value === "string") {
    if (value.value.length > maxChars) throw new Error(`a text in it is longer than ${maxChars} characters`);
    return { ...noSize, chars: value.value.length };
  }
  const known = sizes.get(value);
  if (known !== undefined) return known;
  const parts = partsOf(value);
  if (parts === undefined) return noSize;
  const size = { chars: 0, entries: 0, isChangeable: value.type === "NamespaceValue" };
  for (const part of parts) {
    const { chars, entries, isChangeable } = checkedSize(part, sizes);
    size.chars += chars;
    size.entries += entries + 1;
    size.isChangeable ||= isChangeable;
    if (size.entries > maxEntries) throw new Error(`a list in it has more than ${maxEntries} entries`);
    if (size.chars > maxChars) throw new Error(`the texts of a list in it are longer than ${maxChars} characters`);
  }
  if (!size.isChangeable) sizes.set(value, size);
  return size;
}

function partsOf({ value }: TemplateValue): Iterable<TemplateValue> | undefined {
  if (Array.isArray(value)) return value as readonly TemplateValue[];
  return value instanceof Map ? (value as ReadonlyMap<string, TemplateValue>).values() : undefined;
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new AssayError("invalid_argument", `the template ${what}: ${messageOf(error)}`, { cause: error });
  }
}
