/** A YAML document as AIPerf understands it: references resolved, variables of the environment and templates filled in. Pure. */
import { type Document, isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";
import { compileJinja } from "../../../../endpoints/custom/jinja.ts";
import { messageOf } from "../../../../services/common/errors.ts";

/** A value and where it stands, as an offset in the text. */
export type Given = GivenScalar | GivenList | GivenObject;

export interface GivenScalar {
  readonly is: "scalar";
  readonly at: number;
  /** Whole numbers are BigInts, as the reader of a RunSpec takes them. */
  readonly value: string | number | bigint | boolean | null;
  /** As it was written; undefined: it came of a template or a variable. */
  readonly source?: string | undefined;
}

export interface GivenList {
  readonly is: "list";
  readonly at: number;
  readonly items: Given[];
}

export interface GivenObject {
  readonly is: "object";
  readonly at: number;
  readonly entries: Map<string, GivenEntry>;
}

export interface GivenEntry {
  readonly keyAt: number;
  readonly given: Given;
}

export interface FillOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: (at: number, problem: string) => void;
}

/** More than any file has that somebody wrote. */
const maxValues = 100_000;
const maxDepth = 100;

/**
 * The tree of a document, whatever it has merged in (`<<`) included. References may make much of a small file, or have no end: beyond
 * 100 000 values or a depth of 100 the rest is left out, and reported.
 */
export function givenOf(document: Document.Parsed, report: FillOptions["report"]): Given {
  let values = 0;
  const read = (node: ParsedNode | null, at: number, depth: number): Given => {
    if (++values === maxValues || (depth > maxDepth && values < maxValues)) {
      values = maxValues;
      report(at, "the file has too many values, or its references have no end");
    }
    if (values >= maxValues) return { is: "scalar", at, value: null };
    const resolved = isAlias(node) ? (node.resolve(document) as ParsedNode | undefined) : node;
    if (isSeq(resolved)) {
      return { is: "list", at: resolved.range[0], items: resolved.items.map((item) => read(item as ParsedNode, at, depth + 1)) };
    }
    if (!isMap(resolved)) {
      const { value = null, source } = isScalar(resolved) ? resolved : {};
      return { is: "scalar", at: resolved?.range[0] ?? at, value: value as GivenScalar["value"], source };
    }
    const entries = new Map<string, GivenEntry>();
    const own = new Map<string, GivenEntry>();
    for (const { key, value } of resolved.items) {
      const keyNode = key as ParsedNode;
      const name = isScalar(keyNode) ? String(keyNode.value) : "";
      const [keyAt] = keyNode.range;
      const given = read(value as ParsedNode | null, keyAt, depth + 1);
      const isMerge = isScalar(keyNode) && (typeof keyNode.value === "symbol" || keyNode.value === "<<");
      if (!isMerge) own.set(name, { keyAt, given });
      else if (given.is === "object") for (const [merged, entry] of given.entries) entries.set(merged, entry);
    }
    for (const [name, entry] of own) entries.set(name, entry);
    return { is: "object", at: resolved.range[0], entries };
  };
  return read(document.contents, 0, 0);
}

/** `${NAME}` and `${NAME:default}` with the values of the environment; a name that is not set is reported. */
export function withEnvironment(given: Given, { env, report }: FillOptions): Given {
  return mapScalars(given, (scalar) => {
    const { value, at } = scalar;
    if (typeof value !== "string" || !value.includes("${")) return scalar;
    const filled = value.replaceAll(/\$\{([A-Za-z_]\w*)(?::([^}]*))?\}/g, (_, name: string, otherwise?: string) => {
      const found = env[name] ?? otherwise;
      if (found === undefined) report(at, `the variable ${name} is not set, and \${${name}:DEFAULT} names no default`);
      return found ?? "";
    });
    const isWhole = /^\$\{[^}]*\}$/.test(value);
    return { is: "scalar", at, value: isWhole ? coerced(filled) : filled };
  });
}

/**
 * `{{ … }}` with the values of `variables`, which may name each other, and of the document by their paths (`model`,
 * `phases.profiling.rate`). What is below the names of `kept` is a template for later.
 */
export function withVariables(root: Given, kept: ReadonlySet<string>, { report }: FillOptions): Given {
  if (root.is !== "object") return root;
  const variables = root.entries.get("variables")?.given;
  const body = root.entries.get("benchmark")?.given;
  const context: Record<string, unknown> = { ...plainFields(root), ...(body === undefined ? {} : plainFields(body)) };
  if (variables?.is === "object") Object.assign(context, resolvedVariables(variables, context, report));
  const fill = (given: Given): Given =>
    given.is === "object"
      ? { ...given, entries: new Map([...given.entries].map(([name, entry]) => [name, kept.has(name) ? entry : filled(entry)])) }
      : given.is === "list"
        ? { ...given, items: given.items.map(fill) }
        : rendered(given, context, report);
  const filled = (entry: GivenEntry): GivenEntry => ({ ...entry, given: fill(entry.given) });
  return fill(root);
}

/** Each is known to those that name it, whatever their order; a circle is reported. */
function resolvedVariables(variables: GivenObject, around: object, report: FillOptions["report"]): Record<string, unknown> {
  const resolved: Record<string, unknown> = {};
  let open = [...variables.entries];
  while (open.length > 0) {
    const names = open.map(([name]) => name);
    const isReady = ([, { given }]: (typeof open)[number]): boolean => !names.some((name) => isNamedIn(given, name));
    const ready = open.filter(isReady);
    if (ready.length === 0) {
      report(open[0]?.[1].keyAt ?? 0, `variables ${names.join(", ")} name each other in a circle`);
      return resolved;
    }
    const context = { ...around, ...resolved };
    for (const [name, { given }] of ready) {
      resolved[name] = plainOf(mapScalars(given, (scalar) => rendered(scalar, context, report)));
    }
    open = open.filter((entry) => !ready.includes(entry));
  }
  return resolved;
}

function isNamedIn(given: Given, name: string): boolean {
  if (given.is === "list") return given.items.some((item) => isNamedIn(item, name));
  if (given.is === "object") return [...given.entries.values()].some((entry) => isNamedIn(entry.given, name));
  const isTemplate = typeof given.value === "string" && given.value.includes("{{");
  return isTemplate && given.value.split(/\W+/).includes(name);
}

function rendered(scalar: GivenScalar, context: Record<string, unknown>, report: FillOptions["report"]): GivenScalar {
  const { value, at } = scalar;
  if (typeof value !== "string" || !/\{\{|\{%/.test(value)) return scalar;
  const unknown = rootsIn(value).find((name) => !Object.hasOwn(context, name));
  if (unknown !== undefined) {
    report(at, `${value}: there is no variable ${unknown}`);
    return { is: "scalar", at, value: null };
  }
  try {
    return { is: "scalar", at, value: coerced(compileJinja(value)(context as Parameters<ReturnType<typeof compileJinja>>[0])) };
  } catch (error) {
    report(at, `${value}: ${messageOf(error)}`);
    return { is: "scalar", at, value: null };
  }
}

const words: ReadonlySet<string> = new Set(
  "and or not in is if else elif endif for endfor set endset true false none True False None loop range".split(" "),
);

/** Names that expressions of a template begin with; those of loops and its own assignments are not asked for. */
function rootsIn(template: string): string[] {
  if (/\{%/.test(template)) return [];
  return [...template.matchAll(/\{\{(.*?)\}\}/gs)].flatMap(([, expression = ""]) => {
    const bare = expression.replaceAll(/'[^']*'|"[^"]*"/g, "");
    // Neither what follows a point or a pipe, nor a call's name for an argument.
    return [...bare.matchAll(/(?<![\w.]|\|\s*)[A-Za-z_]\w*(?!\w|\s*=[^=])/g)]
      .map(([name]) => name)
      .filter((name) => !words.has(name));
  });
}

/** Text that came of a template or a variable, as the value that it looks like. */
function coerced(text: string): GivenScalar["value"] {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (/^[+-]?\d+$/.test(text)) return BigInt(text);
  const isNumber = text.trim() !== "" && Number.isFinite(Number(text));
  return isNumber ? Number(text) : text;
}

function mapScalars(given: Given, map: (scalar: GivenScalar) => Given): Given {
  if (given.is === "scalar") return map(given);
  if (given.is === "list") return { ...given, items: given.items.map((item) => mapScalars(item, map)) };
  const entries = [...given.entries].map(([name, entry]) => [name, { ...entry, given: mapScalars(entry.given, map) }] as const);
  return { ...given, entries: new Map(entries) };
}

function plainFields(given: Given): Record<string, unknown> {
  const plain = plainOf(given);
  return typeof plain === "object" && plain !== null && !Array.isArray(plain) ? { ...plain } : {};
}

/** As templates see it: whole numbers are numbers, and of a list of named things each has its name. */
function plainOf(given: Given): unknown {
  if (given.is === "scalar") return typeof given.value === "bigint" ? Number(given.value) : given.value;
  if (given.is === "object") return Object.fromEntries([...given.entries].map(([name, entry]) => [name, plainOf(entry.given)]));
  const named = given.items.flatMap((item) => {
    const name = item.is === "object" ? item.entries.get("name")?.given : undefined;
    return name?.is === "scalar" && typeof name.value === "string" ? [[name.value, plainOf(item)] as const] : [];
  });
  return named.length > 0 ? Object.fromEntries(named) : given.items.map(plainOf);
}
