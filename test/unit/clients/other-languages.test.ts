import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../../..");
/** What is written by hand above the generated code, tests and examples apart. */
const layers = {
  Python: "clients/python/assay_client/*.py",
  Go: "clients/go/*.go",
};

function linesOf(pattern: string): Record<string, number> {
  const files = globSync(join(root, pattern)).filter((path) => !path.endsWith("_test.go"));
  return Object.fromEntries(files.map((path) => [basename(path), readFileSync(path, "utf8").split("\n").length - 1]));
}

describe("the clients in other languages", () => {
  for (const [language, pattern] of Object.entries(layers)) {
    it(`have at most 200 lines written by hand in ${language}`, () => {
      const lines = linesOf(pattern);
      const count = Object.values(lines).reduce((sum, each) => sum + each, 0);
      expect(count, JSON.stringify(lines)).to.be.within(100, 200);
    });
  }
});
