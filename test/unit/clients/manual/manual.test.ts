import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { bashScript } from "../../../../clients/cli/manual/bash.ts";
import { fishScript } from "../../../../clients/cli/manual/fish.ts";
import { manPage } from "../../../../clients/cli/manual/man.ts";
import { referencePage } from "../../../../clients/cli/manual/reference.ts";
import { zshScript } from "../../../../clients/cli/manual/zsh.ts";
import { manualPages } from "../../../../services/manual.ts";

const pages = manualPages();
const spellings = [...new Set(pages.flatMap(({ options }) => options.flatMap((option) => option.spellings)))];

/** What bash offers for these words, the last one being typed. */
function offered(...words: string[]): string[] {
  const script = `${bashScript(pages)}
    COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}; _assay; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["--norc", "-c", script], { encoding: "utf8" });
  return output.split("\n").filter((word) => word !== "");
}

describe("the completion of bash", () => {
  it("offers commands, then those below a command", () => {
    expect(offered("assay", "r")).to.deep.equal(["run", "runs"]);
    expect(offered("assay", "")).to.include.members(["run", "profile", "serve", "mock", "help", "--version"]);
    expect(offered("assay", "runs", "s")).to.deep.equal(["show", "summary"]);
  });

  it("offers the options of the command", () => {
    expect(offered("assay", "run", "--conc")).to.include("--concurrency");
    expect(offered("assay", "profile", "--conc")).to.include("--concurrency");
    expect(offered("assay", "runs", "records", "--"))
      .to.include("--fields")
      .and.not.include("--concurrency");
    expect(offered("assay", "serve", "--runs")).to.deep.equal(["--runs-dir"]);
    expect(offered("assay", "mock", "--tt")).to.deep.equal(["--ttft"]);
  });

  it("offers the values that an option or an operand may have, and none where any may be", () => {
    expect(offered("assay", "run", "--export-level", "")).to.deep.equal(["summary", "records", "raw"]);
    expect(offered("assay", "run", "--profile-export-level", "r")).to.deep.equal(["records", "raw"]);
    expect(offered("assay", "run", "--request-count", "")).to.deep.equal([]);
    expect(offered("assay", "completion", "f")).to.deep.equal(["fish"]);
    expect(offered("assay", "run", "--config", "package.js")).to.deep.equal(["package.json"]);
  });
});

for (const [shell, script, spelled] of [
  ["zsh", zshScript(pages), (spelling: string) => spelling],
  [
    "fish",
    fishScript(pages),
    (spelling: string) =>
      spelling
        .replace(/^--/, "-l ")
        .replace(/^-(\w)$/, "-s $1")
        .replace(/^-(\w\w+)$/, "-o $1"),
  ],
] as const) {
  describe(`the completion of ${shell}`, () => {
    it("knows every command and every option", () => {
      for (const { name } of pages) expect(script).to.include(name.split(" ").at(-1));
      for (const spelling of spellings) expect(script).to.include(spelled(spelling));
    });

    it("has quotes in pairs on every line", () => {
      for (const line of script.split("\n").filter((text) => !text.startsWith("#"))) {
        const quotes = line.replaceAll("'\\''", "").replaceAll("\\'", "").split("'").length - 1;
        expect(quotes % 2, line).to.equal(0);
      }
    });
  });
}

describe("the manual", () => {
  it("names every command and option, with no line that roff would take for a request", () => {
    const page = manPage(pages, "1.2.3");
    for (const { name } of pages) expect(page).to.include(`.SH "ASSAY ${name.toUpperCase()}"`);
    for (const spelling of spellings) expect(page).to.include(spelling.replaceAll("-", "\\-"));
    const requests = page
      .split("\n")
      .filter((line) => /^[.']/.test(line))
      .map((line) => line.split(" ")[0]);
    expect([...new Set(requests)].sort()).to.deep.equal([".B", ".PP", ".SH", ".SS", ".TH", ".TP", ".fi", ".nf"]);
  });
});

describe("the reference page", () => {
  it("is what the tables say: npm run reference", () => {
    expect(readFileSync("docs/reference.md", "utf8")).to.equal(referencePage(pages));
  });
});
