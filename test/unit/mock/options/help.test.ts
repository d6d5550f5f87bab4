import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { failureKinds } from "../../../../mock/answers/failures.ts";
import { helpText, optionsPage } from "../../../../mock/options/help.ts";
import { optionTable } from "../../../../mock/options/table.ts";

describe("the help of the mock", () => {
  it("names every option, with its value and its default", () => {
    for (const { flag, value } of optionTable)
      expect(helpText()).to.include(value === undefined ? `  ${flag} ` : `  ${flag} ${value} `);
    expect(helpText()).to.match(/--osl N +tokens of an answer .*\(default 64\)/);
    expect(helpText()).to.match(/--model NAME .* any name is served\n/);
  });

  it("names every kind of failure", () => {
    for (const kind of Object.keys(failureKinds)) expect(helpText()).to.include(`\n  ${kind} `);
  });

  it("is what docs/mock.md says (npm run reference writes it there)", async () => {
    const page = await readFile(join(import.meta.dirname, "../../../../docs/mock.md"), "utf8");
    expect(page.split("\n## Options\n\n")[1]).to.equal(optionsPage());
  });
});
