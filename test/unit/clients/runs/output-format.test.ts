import { expect } from "chai";
import { formatOf, problemsOfFormat } from "../../../../clients/cli/runs/output-format.ts";

describe("the format of what is printed", () => {
  it("is a table, JSON by --json, or what --format says", () => {
    expect(formatOf({})).to.equal("table");
    expect(formatOf({ json: true })).to.equal("json");
    expect(formatOf({ format: "csv" })).to.equal("csv");
  });

  it("is not two", () => {
    const both = new Map([
      ["json", "argument"],
      ["format", "argument"],
    ] as const);
    expect(problemsOfFormat({ options: { json: true, format: "csv" }, origins: both })).to.deep.equal([
      "--json: not together with --format csv",
    ]);
    expect(problemsOfFormat({ options: { json: true, format: "json" }, origins: both })).to.deep.equal([]);
  });

  it("is the command line's where the environment says another", () => {
    const origins = new Map([
      ["json", "environment"],
      ["format", "argument"],
    ] as const);
    expect(problemsOfFormat({ options: { json: true, format: "csv" }, origins })).to.deep.equal([]);
  });
});
