import { expect } from "chai";
import { aiperfOptions } from "../../../clients/cli/aiperf-options.ts";
import { type CommandRow, commands, programs } from "../../../clients/cli/commands.ts";
import { flagGroups } from "../../../clients/cli/flags/flag.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { helpOf, overview } from "../../../clients/cli/help.ts";
import { pageOf } from "../../../clients/cli/manual/page.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";

const runHelp = (width: number): string => helpOf(pageOf(commands.run), width);

describe("the help of a command", () => {
  for (const row of Object.values<CommandRow>(commands)) {
    it(`names every option of ${row.name} with all its spellings and its value, its operands and its exit codes`, () => {
      const text = helpOf(pageOf(row), 100);
      for (const { flag, aliases = [], value } of Object.values(row.flags)) {
        for (const spelling of [flag, ...aliases]) expect(text).to.include(spelling);
        if (value !== undefined) expect(text).to.include(`${flag} ${value}`);
      }
      for (const { name } of row.operands ?? []) expect(text.split("\n")[0]).to.include(name);
      expect(text.trimEnd().replaceAll("\n", " ")).to.match(/Exit codes: 0 /);
    });
  }

  it("is grouped, in order, with examples and exit codes at the end", () => {
    const lines = runHelp(100).split("\n");
    const headings = lines.filter((line) => flagGroups.some((group) => group === line));
    expect(headings).to.deep.equal([...flagGroups]);
    expect(lines.indexOf("Examples")).to.be.above(lines.indexOf("Configuration"));
    expect(lines.findIndex((line) => line.startsWith("Exit codes: 0"))).to.be.above(lines.indexOf("Examples"));
  });

  for (const width of [60, 80, 140]) {
    it(`keeps within ${width} columns, examples aside`, () => {
      for (const line of runHelp(width)
        .split("\n")
        .filter((text) => !text.startsWith("  assay "))) {
        expect(line.length, line).to.be.at.most(Math.min(width, 120));
      }
    });
  }

  it("names what is there for other commands", () => {
    for (const { name } of [...Object.values(commands), ...programs]) expect(overview()).to.include(`assay ${name}`);
  });
});

describe("an option of AIPerf that no run has", () => {
  const read = (...argv: string[]) => parseFlags(runFlags, argv, 0, aiperfOptions).problems;

  it("is refused by name with what there is in its place, whatever its values", () => {
    const problem = "an option of AIPerf that assay does not have: --slo 'ttft:p99 < 200ms'";
    expect(read("--ttft-sla-ms", "200")).to.deep.equal([`--ttft-sla-ms: ${problem}`]);
    expect(read("--ttft_sla_ms=200", "--concurrency", "2")).to.deep.equal([`--ttft_sla_ms: ${problem}`]);
  });

  it("is none that a run has", () => {
    const table = new Set(spellingsOf(commands.run));
    for (const spelling of aiperfOptions.keys()) expect(table.has(spelling), spelling).to.equal(false);
  });

  it("is told of options that a run has", () => {
    const table = new Set(spellingsOf(commands.run));
    const elsewhere = /^--(confidence|services|host|port)$/;
    for (const [spelling, { hint }] of aiperfOptions) {
      for (const [named] of hint.matchAll(/--[a-z-]+/g)) {
        if (!elsewhere.test(named)) expect(table.has(named), `${spelling}: ${named}`).to.equal(true);
      }
    }
  });

  it("is told of bounds that --slo and --goodput take", () => {
    for (const [spelling, { hint }] of aiperfOptions) {
      for (const [, flag = "", bound = ""] of hint.matchAll(/(--slo|--goodput) '([^']+)'/g)) {
        expect(parseFlags(runFlags, [flag, bound]).problems, spelling).to.deep.equal([]);
      }
    }
  });
});

function spellingsOf({ flags }: CommandRow): string[] {
  return Object.values(flags).flatMap(({ flag, aliases = [], kind }) => [
    flag,
    ...aliases,
    ...(kind.is === "switch" && kind.negation !== undefined ? [kind.negation] : []),
  ]);
}

describe("the table of options", () => {
  for (const row of Object.values<CommandRow>(commands)) {
    it(`has each spelling of ${row.name} once`, () => {
      const spellings = spellingsOf(row);
      expect(new Set(spellings).size).to.equal(spellings.length);
    });
  }

  it("has no doc that ends with a full stop or is empty", () => {
    for (const { flag, doc } of Object.values(runFlags)) expect(doc, flag).to.match(/[^.]$/);
  });
});
