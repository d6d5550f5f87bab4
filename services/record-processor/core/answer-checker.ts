/** Holds answers against what is expected of them. Pure but for the expectations that it keeps compiled. */
import { fromBinary } from "@bufbuild/protobuf";
import { cutMessage } from "../../../endpoints/target-error.ts";
import { ExpectationSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import type { Check, CompileCheck } from "../../common/checks/compile.ts";
import { checkKindNamed, type Expectation } from "../../common/checks/expectation.ts";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { CheckOutcome } from "../../common/metric-record.ts";

/** Expectations that are kept compiled; of further ones the oldest goes. */
const maxCompiled = 1024;
/** Checks that may take too long before no other one is compiled: each of them holds up its thread. */
const maxTimeouts = 10;

/** Why the check cannot be made, or the check. */
type Compiled = { readonly check: Check } | { readonly problem: string };

export class AnswerChecker {
  readonly #compile: CompileCheck;
  readonly #common: Expectation | undefined;
  readonly #compiled = new Map<string, Compiled>();
  #timeouts = 0;

  /** @param common what is expected of answers to turns that expect nothing of their own; undefined: nothing */
  constructor(compile: CompileCheck, common: Expectation | undefined) {
    this.#compile = compile;
    this.#common = common;
  }

  /**
   * Undefined: nothing is expected. A check that has once taken too long is not tried again, and after ten of them no new one is.
   * @param own an `Expectation` of the dataset's as bytes; undefined: the turn has none
   */
  check(answer: string, own: Uint8Array | undefined): CheckOutcome | undefined {
    const expectation = own === undefined ? this.#common : expectationOf(own);
    if (expectation === undefined) return undefined;
    const key = JSON.stringify([expectation.check, ...expectation.values]);
    const compiled = this.#compiledOf(key, expectation);
    if ("problem" in compiled) return unchecked(compiled.problem, answer);
    try {
      const reason = compiled.check(answer);
      return reason === undefined ? correct : { isCorrect: false, reason, answer: cutMessage(answer) };
    } catch (error) {
      const problem = `the check ${messageOf(error)}`;
      if (this.#isTimeout(error)) this.#compiled.set(key, { problem });
      return unchecked(problem, answer);
    }
  }

  #compiledOf(key: string, expectation: Expectation): Compiled {
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const made = this.#tryCompiling(expectation);
    if (this.#compiled.size >= maxCompiled) this.#compiled.delete(this.#compiled.keys().next().value as string);
    this.#compiled.set(key, made);
    return made;
  }

  #tryCompiling(expectation: Expectation): Compiled {
    if (this.#timeouts >= maxTimeouts) return { problem: `the check was not made: ${maxTimeouts} others took too long` };
    try {
      return { check: this.#compile(expectation) };
    } catch (error) {
      this.#isTimeout(error);
      return { problem: `the check cannot be made: what is expected ${messageOf(error)}` };
    }
  }

  /** Counts it, if it is one. */
  #isTimeout(error: unknown): boolean {
    const isTimeout = error instanceof AssayError && error.code === "deadline_exceeded";
    if (isTimeout) this.#timeouts++;
    return isTimeout;
  }
}

const correct: CheckOutcome = { isCorrect: true, reason: "", answer: "" };

function unchecked(reason: string, answer: string): CheckOutcome {
  return { isCorrect: undefined, reason, answer: cutMessage(answer) };
}

function expectationOf(bytes: Uint8Array): Expectation | undefined {
  const { check, values } = fromBinary(ExpectationSchema, bytes);
  const kind = checkKindNamed(check);
  return kind && { check: kind, values };
}
