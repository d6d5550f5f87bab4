import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { NOTE_CODES } from "../../../services/records-manager/core/notes.ts";
import { VERDICT_CODES } from "../../../services/records-manager/core/verdict-reason.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/validity.md"), "utf8");

/** Codes of the table below a heading, in its order. */
function codesBelow(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, code]) => code ?? "");
}

describe("docs/validity.md", () => {
  it("has every rule of the verdict, in their order", () => {
    expect(codesBelow("The verdict")).to.deep.equal([...VERDICT_CODES]);
  });

  it("has every note on the workload", () => {
    expect(codesBelow("Notes on the workload")).to.deep.equal([...NOTE_CODES]);
  });
});
