import { expect } from "chai";
import { datasetShowFlags } from "../../../clients/cli/dataset/flags.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";

describe("options that take several values", () => {
  it("take all up to the next option where nothing else can come", () => {
    const { options, problems } = parseFlags(runFlags, ["-m", "a", "b", "--streaming", "-m", "c"]);
    expect(problems).to.deep.equal([]);
    expect(options.models).to.deep.equal(["a", "b", "c"]);
  });

  it("take one while an operand may still come, and all behind it", () => {
    const of = (...argv: string[]) => {
      const { options, operands } = parseFlags(datasetShowFlags, argv, 1);
      return [options.models, operands];
    };
    expect(of("-m", "a", "rows.jsonl")).to.deep.equal([["a"], ["rows.jsonl"]]);
    expect(of("-m", "a,b", "-")).to.deep.equal([["a", "b"], ["-"]]);
    expect(of("rows.jsonl", "-m", "a", "b")).to.deep.equal([["a", "b"], ["rows.jsonl"]]);
    expect(of("-m", "a", "-m", "b")).to.deep.equal([["a", "b"], []]);
  });
});
