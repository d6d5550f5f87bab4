import { expect } from "chai";
import { parseFlags } from "../../../../clients/cli/parse.ts";
import { problemsOfExport } from "../../../../clients/cli/runs/export-options.ts";
import { runsExportFlags } from "../../../../clients/cli/runs/flags.ts";

function problemsOf(words: string): string[] {
  const { options, problems } = parseFlags(runsExportFlags, words === "" ? [] : words.split(" "));
  return [...problems, ...problemsOfExport({ options, origins: new Map() })];
}

describe("the options of runs export", () => {
  for (const words of [
    "",
    "--format aiperf",
    "--format csv -o a.csv",
    "--file run.db --output -",
    "--artifact-dir a --file b --file c",
  ]) {
    it(`may be "${words}"`, () => expect(problemsOf(words)).to.deep.equal([]));
  }

  for (const [words, problem] of [
    ["-o a", "needs one file"],
    ["-o a --format aiperf", "needs one file"],
    ["-o a --file b --file c", "needs one file"],
    ["-o a --file b --format csv", "needs one file"],
    ["-o a --format csv --artifact-dir b", "not together with --artifact-dir"],
    ["--format xml", "expected aiperf, json"],
  ] as const) {
    it(`may not be "${words}"`, () => expect(problemsOf(words).join()).to.include(problem));
  }
});
