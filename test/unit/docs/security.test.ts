import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "SECURITY.md"), "utf8");

/** Each test file that the page names, with the titles behind it. */
const named = [...page.matchAll(/`(test\/[^`]+\.test\.ts)`((?:,? ?"[^"]+")*)/g)].map(([, file = "", titles = ""]) => ({
  file,
  titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => title),
}));

/** Of those titles, the ones that no test of the file has; the file itself where there is none. */
function missingOf({ file, titles }: (typeof named)[number]): string[] {
  const path = join(root, file);
  if (!existsSync(path)) return [file];
  const source = readFileSync(path, "utf8");
  return titles.filter((title) => !/^\w+$/.test(callBefore(source, title))).map((title) => `${file}: ${title}`);
}

/** The function that is called with the title, `it` or what a file has in its place; empty: none. */
function callBefore(source: string, title: string): string {
  const at = source.indexOf(`(${JSON.stringify(title)},`);
  return at < 0 ? "" : (/\w+$/.exec(source.slice(0, at))?.[0] ?? "");
}

describe("SECURITY.md", () => {
  it("names tests for what it promises, each of which there is", () => {
    expect(named).to.have.length.above(20);
    expect(named.flatMap(missingOf)).to.deep.equal([]);
  });

  it("is linked from README.md", () => {
    expect(readFileSync(join(root, "README.md"), "utf8")).to.include("(SECURITY.md)");
  });
});
