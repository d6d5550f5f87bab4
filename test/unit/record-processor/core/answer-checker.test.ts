import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ExpectationSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { loadCompiler } from "../../../../services/common/checks/compile.ts";
import { checkKinds } from "../../../../services/common/checks/expectation.ts";
import { AssayError } from "../../../../services/common/errors.ts";
import { AnswerChecker } from "../../../../services/record-processor/core/answer-checker.ts";

const compile = await loadCompiler(checkKinds);
const expectation = (check: string, ...values: string[]): Uint8Array =>
  toBinary(ExpectationSchema, create(ExpectationSchema, { check, values }));

describe("a checker of answers", () => {
  it("checks by what the turn expects, and by what all do where that says nothing", () => {
    const checker = new AnswerChecker(compile, { check: "contains", values: ["e"] });
    expect(checker.check("yes", expectation("exact", "no"))).to.deep.equal({
      isCorrect: false,
      reason: 'is not "no"',
      answer: "yes",
    });
    expect(checker.check("yes", undefined)).to.deep.equal({ isCorrect: true, reason: "", answer: "" });
  });

  it("says nothing of answers of which nothing is expected", () => {
    expect(new AnswerChecker(compile, undefined).check("yes", undefined)).to.equal(undefined);
  });

  it("keeps the beginning of a long answer", () => {
    const { answer = "" } = new AnswerChecker(compile, undefined).check("é".repeat(5000), expectation("exact", "no")) ?? {};
    expect(Buffer.byteLength(answer)).to.be.within(1000, 1024);
    expect(answer).to.match(/^é+…$/);
  });

  it("compiles what many turns expect once", () => {
    let compiled = 0;
    const checker = new AnswerChecker((wanted) => {
      compiled++;
      return compile(wanted);
    }, undefined);
    for (let turn = 0; turn < 3; turn++) checker.check("yes", expectation("regex", "e"));
    expect(compiled).to.equal(1);
  });

  it("does not try again what has once taken too long, and calls no answer wrong for it", () => {
    let tries = 0;
    const slow = () => () => {
      tries++;
      throw new AssayError("deadline_exceeded", "took longer than 1 ms");
    };
    const checker = new AnswerChecker(slow, undefined);
    const outcomes = ["a", "b"].map((answer) => checker.check(answer, expectation("regex", "e")));
    expect(outcomes).to.deep.equal(
      ["a", "b"].map((answer) => ({ isCorrect: undefined, reason: "the check took longer than 1 ms", answer })),
    );
    expect(tries).to.equal(1);
  });

  it("makes no new check after ten that took too long", () => {
    const slow = () => () => {
      throw new AssayError("deadline_exceeded", "took longer than 1 ms");
    };
    const checker = new AnswerChecker(slow, undefined);
    const reasons = Array.from({ length: 11 }, (_, index) => checker.check("a", expectation("regex", `${index}`))?.reason);
    expect(reasons.at(-2)).to.equal("the check took longer than 1 ms");
    expect(reasons.at(-1)).to.equal("the check was not made: 10 others took too long");
  });

  it("calls no answer wrong where the check cannot be made", () => {
    const outcome = new AnswerChecker(compile, undefined).check("a", expectation("regex", "(["));
    expect(outcome)
      .to.include({ isCorrect: undefined })
      .and.have.property("reason")
      .that.matches(/^the check cannot be made: /);
  });
});
