import { expect } from "chai";
import { ModelSelection } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { createModelChoice, type ModelChoiceOptions } from "../../../services/common/model-choice.ts";

const models = ["a", "b", "c"];
const conversations = Array.from({ length: 3000 }, (_, conversation) => conversation);

function chosen(changes: Partial<ModelChoiceOptions>): string[] {
  const choose = createModelChoice({ models, selection: ModelSelection.ROUND_ROBIN, weights: [], seed: 7, ...changes });
  return conversations.map(choose);
}

function share(model: string, of: readonly string[]): number {
  return of.filter((each) => each === model).length / of.length;
}

describe("the choice among models", () => {
  it("gives conversation n model n mod count, in turn", () => {
    for (const selection of [ModelSelection.ROUND_ROBIN, ModelSelection.UNSPECIFIED]) {
      expect(chosen({ selection }).slice(0, 7)).to.deep.equal(["a", "b", "c", "a", "b", "c", "a"]);
    }
  });

  it("gives each its share at random, the same to the same conversation of the same seed", () => {
    const random = chosen({ selection: ModelSelection.RANDOM });
    for (const model of models) expect(share(model, random)).to.be.closeTo(1 / 3, 0.04);
    expect(chosen({ selection: ModelSelection.RANDOM })).to.deep.equal(random);
    expect(chosen({ selection: ModelSelection.RANDOM, seed: 8 })).to.not.deep.equal(random);
  });

  it("gives each the share of its weight, and none where that is 0", () => {
    const weighted = chosen({ selection: ModelSelection.WEIGHTED, weights: [6, 0, 2] });
    expect(share("a", weighted)).to.be.closeTo(0.75, 0.03);
    expect(share("b", weighted)).to.equal(0);
    expect(share("c", weighted)).to.be.closeTo(0.25, 0.03);
  });

  it("never chooses beyond the weights, however small they are", () => {
    const tiny = chosen({ selection: ModelSelection.WEIGHTED, weights: [Number.MIN_VALUE, Number.MIN_VALUE, 0] });
    expect(new Set(tiny).has("c")).to.equal(false);
    expect(tiny.every((model) => models.includes(model))).to.equal(true);
  });

  it("gives the only model to all, and nothing where there is none", () => {
    expect(new Set(chosen({ models: ["x"], selection: ModelSelection.RANDOM }))).to.deep.equal(new Set(["x"]));
    expect(new Set(chosen({ models: [] }))).to.deep.equal(new Set([""]));
  });
});
