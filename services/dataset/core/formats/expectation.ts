/**
 * What a turn's row expects of the answer. `expected` and `check` are Assay's own: AIPerf's rows have no such fields.
 *
 * `expected` is a text, or a list of texts any of which is right; numbers and truth values are taken as texts. For `json-schema` it is a
 * schema, as an object or as its text, or a list of them. `check` names the kind; without one that of the run is meant.
 */
import { isJsonObject, type JsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import type { CompileCheck } from "../../../common/checks/compile.ts";
import {
  type CheckKind,
  checkKindNamed,
  checkKinds,
  type Expectation,
  isCompiled,
  maxExpectedChars,
} from "../../../common/checks/expectation.ts";
import { messageOf } from "../../../common/errors.ts";
import { isGiven, type RowProblem, type RowTurn, shownValue } from "./row.ts";

export const expectationFields = ["expected", "check"] as const;

export interface ExpectationOptions {
  /** The check of rows that name none; undefined: the run has none. */
  readonly check: CheckKind | undefined;
  /** What is wrong with a value of a kind that has to be compiled; undefined: nothing. */
  readonly problemOf: (expectation: Expectation) => string | undefined;
}

export type ReadExpectation = Pick<RowTurn, "expectation" | "lacksCheck"> | { readonly problem: RowProblem };

/** Reads what is expected of the answer to a turn. Never throws. */
export function readExpectation(fields: JsonObject, { check: common, problemOf }: ExpectationOptions): ReadExpectation {
  const { expected, check: named } = fields;
  const own = isGiven(named) ? checkKindNamed(named) : undefined;
  if (isGiven(named) && own === undefined) return wrong("check", `expected ${checkKinds.join(", ")}, got ${shownValue(named)}`);
  if (!isGiven(expected)) return own === undefined ? {} : wrong("expected", "there is a check, and nothing to check by");
  const check = own ?? common;
  if (check === undefined) return { lacksCheck: true };
  const items: readonly unknown[] = Array.isArray(expected) ? expected : [expected];
  const values = items.map(check === "json-schema" ? schemaOf : textOf);
  const wanted = check === "json-schema" ? "a JSON schema, an object," : "a text that is not empty,";
  if (!isWhole(values)) return wrong("expected", `expected ${wanted} or a list of such, got ${shownValue(expected)}`);
  const chars = values.reduce((sum, value) => sum + value.length, 0);
  if (chars > maxExpectedChars) return wrong("expected", `expected at most ${maxExpectedChars} characters, got ${chars}`);
  const expectation = { check, values };
  const problem = isCompiled(check) ? problemOf(expectation) : undefined;
  return problem === undefined ? { expectation } : wrong("expected", problem);
}

/** Whether a row, or a turn of it, expects what has to be compiled, as far as its fields say. */
export function expectsCompiled(row: JsonObject, common: CheckKind | undefined): boolean {
  const turns: readonly unknown[] = Array.isArray(row.turns) ? row.turns : [];
  return [row, ...turns].some((fields) => {
    if (!isJsonObject(fields) || !isGiven(fields.expected)) return false;
    const kind = isGiven(fields.check) ? checkKindNamed(fields.check) : common;
    return kind !== undefined && isCompiled(kind);
  });
}

/** Expectations that are known to be sound: most rows of a file have the same few. */
const maxKnown = 64;

/** What is wrong with expectations, by compiling them. */
export function problemsBy(compile: CompileCheck): ExpectationOptions["problemOf"] {
  const known = new Set<string>();
  return (expectation) => {
    const key = JSON.stringify([expectation.check, ...expectation.values]);
    if (known.has(key)) return undefined;
    try {
      compile(expectation);
    } catch (error) {
      return messageOf(error);
    }
    if (known.size >= maxKnown) known.clear();
    known.add(key);
    return undefined;
  };
}

function wrong(field: string, message: string): { readonly problem: RowProblem } {
  return { problem: { field, message } };
}

function isWhole(values: (string | undefined)[]): values is string[] {
  return values.length > 0 && values.every((value) => value !== undefined);
}

function textOf(value: unknown): string | undefined {
  const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
  return typeof text === "string" && text.trim() !== "" && text.isWellFormed() ? text : undefined;
}

function schemaOf(value: unknown): string | undefined {
  const schema = typeof value === "string" ? parseJson(value) : value;
  return isJsonObject(schema) ? JSON.stringify(schema) : undefined;
}
