/** JMESPath: where in a JSON document something is. */
import jmespath from "jmespath";
import { messageOf } from "../../services/common/errors.ts";

/** What the expression finds; null or undefined: nothing, or it cannot be applied to this document. Never throws for an expression without `pathProblem`. */
export function found(document: unknown, expression: string): unknown {
  try {
    return jmespath.search(document, expression);
  } catch {
    // A function of the expression was given what it does not take: there is nothing of that kind here.
    return undefined;
  }
}

/** What is wrong with an expression, whatever it is applied to; undefined: nothing. */
export function pathProblem(expression: string): string | undefined {
  try {
    jmespath.search({}, expression);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return undefined;
    // Everything else is of the empty document alone.
    const isWrong = error.name === "LexerError" || error.name === "ParserError" || error.message.startsWith("Unknown function");
    return isWrong ? messageOf(error) : undefined;
  }
}
