/**
 * JMESPath: where in a JSON document something is. An expression is bounded before it is used, so that what it makes of a document is a
 * small multiple of it: an expression sees parts of the document alone, each of them once, unless it writes several side by side, and texts
 * of its own.
 */
import jmespath from "jmespath";
import { messageOf } from "../../services/common/errors.ts";
import { isJsonObject, jsonTextOf } from "../json-body.ts";

/** Of an expression. */
const maxExpressionChars = 4096;
/** How many times as large as the document what it makes may be. */
const maxGrowth = 1024;

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
  for (const node of nodesOf(tree)) {
    // The package looks functions up by name in an object that has these, too.
    if (node.type === "Function" && String(node.name) in {}) return `Unknown function: ${node.name}()`;
    const factor = growthOf(node);
    if (factor === undefined) return "what join puts between texts must be a text of the expression itself, as in join(', ', @)";
    growth *= factor;
    if (growth > maxGrowth) return `it may make more than ${maxGrowth} times as much of a document`;
  }
  return undefined;
}

/** How many times as much a node may make of what it sees; undefined: that depends on the document. */
function growthOf({ type, name, children, value }: Node): number | undefined {
  const parts = Array.isArray(children) ? children : [];
  switch (type) {
    case "MultiSelectList":
      return Math.max(1, parts.length);
    case "MultiSelectHash":
      return Math.max(1, parts.length + jsonTextOf(parts.map((pair) => (isJsonObject(pair) ? pair.name : ""))).length);
    case "Literal":
      // It may come in the place of each part of the document.
      return Math.max(1, jsonTextOf(value).length);
    case "Function": {
      const [glue] = parts;
      // A backslash becomes two, and is within a text again.
      if (name === "to_string") return 2;
      if (name !== "join") return 1;
      // Its length is counted as that of any literal; a glue of the document's would be the document squared.
      return isJsonObject(glue) && isLiteral(glue) && typeof glue.value === "string" ? 2 : undefined;
    }
    default:
      return 1;
  }
}

type Node = Readonly<Record<string, unknown>>;

/** Without literals that something is only held against: nothing is made of them. */
function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesOf(one);
  if (!isJsonObject(value)) return;
  yield value;
  // What a literal holds is no part of the expression.
  if (value.type === "Literal") return;
  for (const inner of Object.values(value)) {
    yield* nodesOf(isTest(value) && Array.isArray(inner) ? inner.filter((one) => !isLiteral(one)) : inner);
  }
}

/** It gives a truth value. */
function isTest({ type, name }: Node): boolean {
  return type === "Comparator" || (type === "Function" && ["contains", "starts_with", "ends_with"].includes(String(name)));
}

function isLiteral(node: unknown): boolean {
  return isJsonObject(node) && node.type === "Literal";
}
