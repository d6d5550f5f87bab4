/**
 * JMESPath: where in a JSON document something is. An expression is bounded before it is used, so that what it makes of a document is a
 * small multiple of it: an expression sees parts of the document alone, each of them once, unless it writes several side by side.
 */
import jmespath from "jmespath";
import { messageOf } from "../../services/common/errors.ts";
import { isJsonObject } from "../json-body.ts";

/** Of an expression. */
export const maxExpressionChars = 4096;
/** How many times as large as the document what it makes may be. */
export const maxGrowth = 1024;

/** What the expression finds; null or undefined: nothing, or it cannot be applied to this document. Never throws for an expression without `pathProblem`. */
export function found(document: unknown, expression: string): unknown {
  try {
    const value: unknown = jmespath.search(document, expression);
    // Every object has more than its JSON says: `constructor`.
    return typeof value === "function" ? undefined : value;
  } catch {
    // A function of the expression was given what it does not take: there is nothing of that kind here.
    return undefined;
  }
}

/** What is wrong with an expression, whatever it is applied to; undefined: nothing. */
export function pathProblem(expression: string): string | undefined {
  if (expression.length > maxExpressionChars) return `it is longer than ${maxExpressionChars} characters`;
  try {
    const problem = problemOf(compiled(expression));
    if (problem !== undefined) return problem;
    jmespath.search({}, expression);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return undefined;
    if (error instanceof RangeError) return "it is nested too deeply";
    // Everything else is of the empty document alone.
    const isWrong = error.name === "LexerError" || error.name === "ParserError" || error.message.startsWith("Unknown function");
    return isWrong ? messageOf(error) : undefined;
  }
}

/** The tree of an expression; the package's types do not have it. */
function compiled(expression: string): unknown {
  return (jmespath as unknown as { compile(expression: string): unknown }).compile(expression);
}

function problemOf(tree: unknown): string | undefined {
  let growth = 1;
  for (const { type, name, children } of nodesOf(tree)) {
    // The package looks functions up by name in an object that has these, too.
    if (type === "Function" && String(name) in {}) return `Unknown function: ${name}()`;
    if (type === "MultiSelectList" || type === "MultiSelectHash")
      growth *= Math.max(1, Array.isArray(children) ? children.length : 1);
    // A backslash becomes two, and is within a text again.
    if (type === "Function" && name === "to_string") growth *= 2;
    if (growth > maxGrowth) return `it may make more than ${maxGrowth} times as much of a document`;
  }
  return undefined;
}

function* nodesOf(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (Array.isArray(value)) for (const one of value) yield* nodesOf(one);
  if (!isJsonObject(value)) return;
  yield value;
  // What a literal holds is no part of the expression.
  if (value.type !== "Literal") for (const inner of Object.values(value)) yield* nodesOf(inner);
}
