import { expect } from "chai";
import { flagGroups, healthFlags, runFlags } from "../../../clients/cli/flags.ts";
import { healthHelp, overview, runHelp } from "../../../clients/cli/help.ts";

describe("the help of a command", () => {
  for (const flag of Object.values(runFlags)) {
    it(`names ${flag.flag} with every spelling and its value`, () => {
      const text = runHelp(100);
      for (const spelling of [flag.flag, ...("aliases" in flag ? flag.aliases : [])]) expect(text).to.include(spelling);
      if ("value" in flag) expect(text).to.include(`${flag.flag} ${flag.value}`);
    });
  }

  it("is grouped, in order, with examples and exit codes at the end", () => {
    const lines = runHelp(100).split("\n");
    const headings = lines.filter((line) => /^[A-Z]/.test(line) && !line.includes("."));
    expect(headings.slice(0, flagGroups.length)).to.deep.equal([...flagGroups]);
    expect(lines.indexOf("Examples")).to.be.above(lines.indexOf("Suite"));
    const end = lines.slice(lines.findIndex((line) => line.startsWith("Exit codes:"))).join(" ");
    expect(end.trim()).to.match(/^Exit codes: 0 .* 1 .* 2 .* 3 .* 4 .* 130 [^·]*$/);
  });

  it("keeps descriptions within the width", () => {
    const examples = runHelp(80).indexOf("\nWithout");
    for (const line of runHelp(80).slice(0, examples).split("\n")) expect(line.length, line).to.be.at.most(80);
  });

  it("names what is there for other commands", () => {
    expect(overview).to.match(/assay run[\s\S]*assay mock[\s\S]*assay serve[\s\S]*assay health/);
    for (const { flag } of Object.values(healthFlags)) expect(healthHelp(80)).to.include(flag);
  });
});
