import { expect } from "chai";
import { updatedPage } from "../../../scripts/faults-page.mjs";

describe("docs/faults.md", () => {
  it("has every test of a fault, as its title says it", async () => {
    const { before, after } = await updatedPage();
    expect(before, "node scripts/faults-page.mjs writes the page").to.equal(after);
    expect(after.split("\n").filter((line) => line.startsWith("| ")).length).to.be.at.least(40);
  });
});
