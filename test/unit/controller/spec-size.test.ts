import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { mostEntries, oversizedFields } from "../../../services/controller/core/spec/size.ts";

const many = <T>(one: T): T[] => Array.from({ length: mostEntries + 1 }, () => one);

describe("a spec that is too large", () => {
  it("is told each list and map that has too many entries, wherever it lies", () => {
    const spec = create(RunSpecSchema, {
      models: many("m"),
      target: { urls: many({ url: "http://x" }), headers: Object.fromEntries(many("").map((_, at) => [`h${at}`, ""])) },
      phases: [{ name: "one" }],
    });
    const wrong = { description: `must have at most ${mostEntries} entries, got ${mostEntries + 1}` };
    expect(oversizedFields(spec)).to.deep.equal(
      ["models", "target.urls", "target.headers"].map((field) => ({ field, ...wrong })),
    );
    expect(oversizedFields(create(RunSpecSchema, { models: many("m").slice(1) }))).to.deep.equal([]);
  });

  it("is told nothing else that is wrong with it", () => {
    const compile = () => compileRunSpec(create(RunSpecSchema, { phases: many({}) }), () => 1n);
    expect(compile).to.throw(/^phases: must have at most 10000 entries, got 10001$/);
  });
});
