import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { GivenTensor } from "../../../../endpoints/kserve/tensor/given.ts";
import { tensorOf } from "../../../../endpoints/kserve/tensor/tensor.ts";
import { ExpectationSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { writeTurnTensor } from "../../../../services/common/turn-tensors.ts";
import { checkTensors } from "../../../../services/record-processor/core/tensor-check.ts";

const outputs = [
  tensorOf("SUM", "FP32", [2, 2], [0.1, 2, 0.1, 2]),
  tensorOf("ID", "INT64", [1], [7]),
  tensorOf("TEXT", "BYTES", [1], ["zwölf"]),
];

function check(...expected: readonly GivenTensor[]) {
  const message = create(ExpectationSchema, { check: "tensors", tensors: expected.map(writeTurnTensor) });
  return checkTensors(outputs, toBinary(ExpectationSchema, message));
}

const given = (name: string, contents: GivenTensor["contents"], shape: readonly number[] = []): GivenTensor => ({
  name,
  contents,
  shape,
});

describe("outputs held against what is expected of them", () => {
  it("are right where every element is what the output's datatype makes of it, for each of a batch", () => {
    const right = { isCorrect: true, reason: "", answer: "" };
    expect(check(given("SUM", [0.1, 2], [2]), given("ID", [7]), given("TEXT", ["zwölf"]))).to.deep.equal(right);
    expect(check(given("SUM", [0.1, 2, 0.1, 2]))).to.deep.equal(right);
    expect(check(given("ID", Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0)))).to.deep.equal(right);
  });

  const wrong: readonly (readonly [expected: GivenTensor, reason: string])[] = [
    [given("SUM", [0.1, 3]), "element 1 of SUM is 2, not 3"],
    [given("SUM", [0.1, 2, 3]), "SUM has 4 elements, not 3"],
    [given("SUM", [0.1, 2], [1, 2]), "SUM is of the shape [2,2], not [1,2]"],
    [given("TEXT", ["elf"]), 'element 0 of TEXT is "zwölf", not "elf"'],
    [given("NONE", [1]), "there is no output NONE"],
    [given("ID", [1.5]), "what is expected of ID is not of INT64: element 0 of INT64 must be an integer"],
  ];
  for (const [expected, reason] of wrong) {
    it(`are wrong where ${reason}`, () => {
      const outcome = check(expected);
      expect(outcome?.isCorrect).to.equal(false);
      expect(outcome?.reason).to.contain(reason);
    });
  }

  it("are not checked where nothing is expected", () => {
    expect(checkTensors(outputs, undefined)).to.equal(undefined);
  });
});
