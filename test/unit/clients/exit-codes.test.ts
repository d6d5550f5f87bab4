import { readFileSync } from "node:fs";
import { expect } from "chai";
import { commands } from "../../../clients/cli/commands.ts";
import { type ExitCodeName, exitCodes, exitMeanings } from "../../../clients/cli/exit-codes.ts";
import { helpOf } from "../../../clients/cli/help.ts";
import { pageOf } from "../../../clients/cli/manual/page.ts";

const names = Object.keys(exitCodes) as ExitCodeName[];

describe("exit codes", () => {
  it("are each one thing", () => {
    expect(new Set(Object.values(exitCodes)).size).to.equal(names.length);
  });

  it("are all in the table for people, with the same words", () => {
    const page = readFileSync(new URL("../../../docs/exit-codes.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| (\d+) +\| (.+?) +\|/gm)].map(([, code, meaning]) => [Number(code), meaning]);
    expect(rows).to.deep.equal(names.map((name) => [exitCodes[name], exitMeanings[name]]));
  });

  it("are all in the help of a run", () => {
    const help = helpOf(pageOf(commands.run), 100).replaceAll(/\s+/g, " ");
    for (const name of names) expect(help).to.include(`${exitCodes[name]} ${exitMeanings[name]}`);
  });
});
