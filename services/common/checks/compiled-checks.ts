/** Checks whose values have to be compiled; with what they need, so that only those load it who ask for one. */
import type { Check } from "./compile.ts";
import { shownValues } from "./expectation.ts";
import { jsonSchema } from "./json-schema.ts";
import { regularExpression } from "./regular-expression.ts";

/** The answer has one of the expressions in it. Throws `invalid_argument` with what is wrong with one. */
export function regexCheck(values: readonly string[]): Check {
  const expressions = values.map(regularExpression);
  return (answer) =>
    expressions.some((expression) => expression.test(answer))
      ? undefined
      : shownValues(values, "does not match", "matches none of");
}

/** The answer is JSON that fits one of the schemas; of several the last one says why it does not. Throws likewise. */
export function schemaCheck(values: readonly string[]): Check {
  const schemas = values.map(jsonSchema);
  return (answer) => {
    let reason: string | undefined;
    for (const schema of schemas) {
      reason = schema(answer);
      if (reason === undefined) return undefined;
    }
    return reason;
  };
}
