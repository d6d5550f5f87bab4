import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import type { OfferedFile } from "../../../services/records-manager/exports/export-run.ts";
import { wantedFiles } from "../../../services/records-manager/wanted-files.ts";

const offered: readonly OfferedFile[] = [
  { file: "p.json", exporter: "aiperf-json", isUsual: true },
  { file: "p.csv", exporter: "aiperf-csv", isUsual: true },
  { file: "p.parquet", exporter: "parquet", isUsual: false },
  { file: "inputs.json", exporter: undefined, isUsual: true },
  { file: "run.db", exporter: undefined, isUsual: true },
];

function asked(files: readonly string[], formats: readonly string[]): string[] {
  return wantedFiles(offered, files, formats).map(({ file }) => file);
}

describe("the files that are wanted of a run", () => {
  for (const [what, files, formats, expected] of [
    ["the usual ones where nothing is said", [], [], ["p.json", "p.csv", "inputs.json", "run.db"]],
    ["those named, in their order", ["run.db", "p.parquet"], [], ["run.db", "p.parquet"]],
    ["those of a format, whatever they are called", [], ["parquet"], ["p.parquet"]],
    ["AIPerf's without the database", [], ["aiperf"], ["p.json", "p.csv", "inputs.json"]],
    ["each once", ["p.csv", "run.db"], ["csv", "json", "csv"], ["p.csv", "p.json", "run.db"]],
  ] as const) {
    it(`are ${what}`, () => {
      expect(asked(files, formats)).to.deep.equal(expected);
    });
  }

  it("are refused by a name that there is not, with those that there are", () => {
    const refusal = (files: readonly string[], formats: readonly string[], words: string) =>
      expect(() => asked(files, formats))
        .to.throw(AssayError, words)
        .with.property("code", "invalid_argument");
    refusal(["p.xml"], [], "files: must be of p.json, p.csv, p.parquet, inputs.json, run.db, got p.xml");
    for (const name of ["xml", "constructor", ""]) refusal([], [name], `server-parquet, got ${name}`);
  });
});
