import { expect } from "chai";
import { updatedPage } from "../../../scripts/metrics-page.mjs";

describe("docs/metrics.md", () => {
  it("has every metric of the catalog, as its file describes it", () => {
    const { before, after } = updatedPage();
    expect(before, "node scripts/metrics-page.mjs writes the page").to.equal(after);
  });
});
