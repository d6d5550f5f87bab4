import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { aiperfOptions } from "../../../clients/cli/aiperf-options.ts";
import { commands } from "../../../clients/cli/commands.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { perfAnalyzerOptions } from "../../../clients/cli/perf-analyzer-options.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/from-perf-analyzer.md"), "utf8");
const code = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
const rows = page
  .split("\n## Options\n")[1]
  ?.split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, spellings = "", taken = "", state = "", text = ""]) => ({ spellings: code(spellings), taken, state, text }));

/** What is wrong with a command line of `assay run`. */
function problemsOf(...words: readonly string[]): readonly string[] {
  return parseFlags(runFlags, ["-m", "m", ...words], 0, commands.run.missing).problems;
}

describe("the options of perf_analyzer in docs/from-perf-analyzer.md", () => {
  const of = (state: string) => (rows ?? []).filter((row) => row.state === state);

  it("are the same, others or refused, each of them once", () => {
    expect(of("same").length + of("other").length + of("refused").length).to.equal(rows?.length);
    const spellings = rows?.flatMap((row) => row.spellings) ?? [];
    expect(spellings).to.have.length.above(80);
    expect(spellings).to.deep.equal([...new Set(spellings)]);
  });

  for (const { spellings, taken } of of("same")) {
    it(`are taken by assay run: ${spellings.join(" ")}`, () => {
      for (const spelling of spellings) {
        for (const example of taken === "" ? [""] : code(taken)) {
          expect(problemsOf(spelling, ...example.split(" ").filter((word) => word !== "")), example).to.deep.equal([]);
        }
      }
    });
  }

  it("have another one in their place", () => {
    for (const { taken } of of("other")) for (const example of code(taken)) expect(problemsOf(...example.split(" "))).to.be.empty;
  });

  it("that are refused are those that are refused by name, with what the page says", () => {
    const said = of("refused").flatMap(({ spellings, text }) => spellings.map((spelling) => [spelling, text] as const));
    expect(said.map(([spelling]) => spelling)).to.have.members([...perfAnalyzerOptions.keys()]);
    for (const [spelling, text] of said) {
      const option = perfAnalyzerOptions.get(spelling);
      expect(option?.hint).to.equal(`an option of perf_analyzer or GenAI-Perf that assay does not have: ${text}`);
      if (option?.asItIs.includes("") === true) continue;
      expect(problemsOf(spelling, "77"), spelling).to.deep.equal([`${spelling}: ${option?.hint}`]);
    }
  });

  it("that ask for what happens anyway are taken", () => {
    for (const { spellings, taken } of of("refused").filter((row) => row.taken !== "")) {
      for (const spelling of spellings) {
        expect(perfAnalyzerOptions.get(spelling)?.asItIs, spelling).to.deep.equal(taken === "by itself" ? [""] : code(taken));
        expect(problemsOf(spelling, ...code(taken)), spelling).to.deep.equal([]);
      }
    }
  });

  it("are none that a run has, and none that are AIPerf's, too", () => {
    const own = Object.values(runFlags).flatMap((flag) => [flag.flag, ...("aliases" in flag ? flag.aliases : [])]);
    for (const spelling of perfAnalyzerOptions.keys()) {
      expect(own, spelling).to.not.include(spelling);
      expect(aiperfOptions.has(spelling), spelling).to.equal(false);
    }
  });

  it("are told of options that a run has", () => {
    const own = Object.values(runFlags).flatMap((flag) => [flag.flag, ...("aliases" in flag ? flag.aliases : [])] as string[]);
    for (const [spelling, { hint }] of perfAnalyzerOptions) {
      for (const [named] of hint.matchAll(/--[a-z-]+/g)) expect(own, `${spelling}: ${named}`).to.include(named);
    }
  });

  it("are those of its commands, of which Assay's are taken", () => {
    for (const [, line = ""] of page.matchAll(/^\$ assay run (.*)$/gm))
      expect(problemsOf(...line.split(" ")), line).to.deep.equal([]);
  });
});
