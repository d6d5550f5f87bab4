/**
 * Expectations made into functions. What regular expressions and schemas need is loaded where such a check is asked for, and nothing of
 * theirs takes longer than it may, however it was written.
 */
import { AssayError } from "../errors.ts";
import { type CheckKind, type Expectation, isCompiled, shownValues } from "./expectation.ts";
import { withinTime } from "./time-limit.ts";

/** Why an answer is not right; undefined: it is. Throws `deadline_exceeded` where the check takes too long. */
export type Check = (answer: string) => string | undefined;

/** Throws `invalid_argument` with what is wrong with a value, `deadline_exceeded` where compiling it takes too long. */
export type CompileCheck = (expectation: Expectation) => Check;

/** For one answer, and for compiling one expectation. */
const limitMs = 1000;

/** @param kinds those that will be asked for; others that have to be compiled are refused as `internal` */
export async function loadCompiler(kinds: Iterable<CheckKind>): Promise<CompileCheck> {
  const isNeeded = [...kinds].some(isCompiled);
  const compiled = isNeeded ? await import("./compiled-checks.ts") : undefined;
  return ({ check, values }) => {
    if (check === "exact") return exactCheck(values);
    if (check === "contains") return containsCheck(values);
    if (compiled === undefined) throw new AssayError("internal", `nobody has said that there would be checks of ${check}`);
    return limited(() => (check === "regex" ? compiled.regexCheck(values) : compiled.schemaCheck(values)));
  };
}

function limited(compile: () => Check): Check {
  const check = withinTime(limitMs, compile);
  return (answer) => withinTime(limitMs, () => check(answer));
}

function exactCheck(values: readonly string[]): Check {
  const right = values.map((value) => value.trim());
  return (answer) => (right.includes(answer.trim()) ? undefined : shownValues(values, "is not", "is none of"));
}

function containsCheck(values: readonly string[]): Check {
  return (answer) =>
    values.some((value) => answer.includes(value)) ? undefined : shownValues(values, "does not contain", "contains none of");
}
