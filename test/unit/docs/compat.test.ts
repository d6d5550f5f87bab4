import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { expect } from "chai";
import { aiperfOptions } from "../../../clients/cli/aiperf-options.ts";
import { type RunOptions, runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { problemsOfRun, runSpecJson } from "../../../clients/cli/run-options.ts";
import type { PhaseOptions } from "../../../clients/cli/run-phases.ts";
import { withAbsolutePaths } from "../../../clients/cli/spec/input-files.ts";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";

interface Row {
  readonly spellings: readonly string[];
  /** What stands behind the spelling, a value and what it needs beside it. */
  readonly examples: readonly string[];
  readonly state: string;
  readonly text: string;
}

const page = readFileSync(join(import.meta.dirname, "../../../docs/compat.md"), "utf8");
const section = page.split(/^## /m).find((text) => text.startsWith("Options of `aiperf profile`")) ?? "";
const code = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
const rows: readonly Row[] = section
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|")))
  .map(([, spellings = "", examples = "", state = "", text = ""]) => ({
    spellings: code(spellings),
    examples: examples === "" ? [""] : code(examples),
    state,
    text,
  }));
const there = rows.filter(({ state }) => state === "same" || state === "differs");
const notYet = rows.filter(({ state }) => state === "not yet");

/** What a command line comes to: its options, and the RunSpec as the controller completes it. */
function read(words: readonly string[]) {
  const hasModel = parseFlags(runFlags, words).given.has("models");
  const { options, given, problems } = parseFlags(runFlags, hasModel ? words : ["-m", "m", ...words], 0, aiperfOptions);
  const origins = new Map([...given].map((name) => [name, "argument"] as const));
  const all = [...problems, ...problemsOfRun({ options, origins })];
  return {
    options,
    problems: all,
    spec: () => compiled(withAbsolutePaths(runSpecJson({ ...options, ...pointsOf(options) }), "/data")),
  };
}

/** What is read from the file of a series. */
function pointsOf({ requestRateSeries }: RunOptions): PhaseOptions {
  if (requestRateSeries === undefined) return {};
  return { ratePoints: [{ at_sec: 0, rate_per_sec: 5 }] };
}

function compiled(spec: JsonObject) {
  const message = fromJson(RunSpecSchema, spec);
  // What is in the file takes the place of its path before.
  if (message.telemetry !== undefined) message.telemetry.gpuMetricsCsv = "";
  return compileRunSpec(message, () => 1n).spec;
}

function wordsOf(spelling: string, example: string): string[] {
  // Blanks are within the value of one option alone.
  const words = example.replace(/(\S+:\S+) (\S+:\S+)/, "$1\0$2").split(" ");
  return [spelling, ...(example === "" ? [] : words.map((word) => word.replace("\0", " ")))];
}

/** `--a_b` of `--a-b`; short ones have none. */
function spelled(spelling: string): string[] {
  return spelling.startsWith("--") ? [spelling, spelling.replaceAll(/(?<=\w)-/g, "_")] : [spelling];
}

describe("the options of aiperf profile in docs/compat.md", () => {
  it("are the same, differ or are not yet there, each of them once", () => {
    expect(there.length + notYet.length).to.equal(rows.length);
    expect(there).to.have.length.above(100);
    const spellings = rows.flatMap((row) => row.spellings);
    expect(spellings).to.deep.equal([...new Set(spellings)]);
  });

  it("are said to differ with why", () => {
    for (const { state, text, spellings } of there) expect(text === "", spellings[0]).to.equal(state === "same");
  });

  for (const { spellings, examples } of there) {
    it(`are taken by assay run in all their spellings: ${spellings.join(" ")}`, () => {
      for (const example of examples) {
        const [first = ""] = spellings;
        const expected = read(wordsOf(first, example));
        expect(expected.problems, example).to.deep.equal([]);
        expected.spec();
        for (const spelling of spellings.flatMap(spelled)) {
          const { options, problems } = read(wordsOf(spelling, example));
          expect(problems, spelling).to.deep.equal([]);
          expect(options, spelling).to.deep.equal(expected.options);
        }
      }
    });
  }

  for (const { spellings, text } of there.filter((row) => row.text.includes("a list of values"))) {
    it(`take no list of values: ${spellings[0]}`, () => {
      expect(text).to.include("is refused");
      for (const spelling of spellings) expect(read([spelling, "4,8"]).problems.join()).to.include("(a sweep)");
    });
  }

  it("that are not yet there are those that are refused by name, with what the page says", () => {
    const said = notYet.flatMap(({ spellings, text }) => spellings.map((spelling) => [spelling, text] as const));
    const refused = [...aiperfOptions].filter(([, { asItIs }]) => asItIs.length === 0);
    expect(said.map(([spelling]) => spelling)).to.deep.equal(refused.map(([spelling]) => spelling));
    for (const [spelling, text] of said) {
      for (const word of spelled(spelling)) {
        const { problems } = parseFlags(runFlags, ["-m", "m", word, "x"], 0, aiperfOptions);
        expect(problems).to.deep.equal([`${word}: an option of AIPerf that assay does not have: ${text}`]);
      }
    }
  });

  it("that ask for what a run does anyway are taken and do nothing, other values of theirs are refused with what the page says", () => {
    for (const [spelling, { asItIs, hint }] of aiperfOptions) {
      if (asItIs.length === 0) continue;
      const row = there.find(({ spellings }) => spellings.includes(spelling));
      expect(row?.examples, spelling).to.deep.equal(asItIs);
      for (const value of asItIs) expect(read(wordsOf(spelling, value)).options, spelling).to.deep.equal(read([]).options);
      if (asItIs[0] === "") continue;
      expect(read([spelling, "77"]).problems, spelling).to.deep.equal([`${spelling}: ${hint}`]);
      expect(`${spelling}: ${hint}`).to.include(row?.text.replace(/^.*? alone: /, ""));
    }
  });
});

describe("what docs/compat.md says is refused", () => {
  for (const line of [
    "--ui dashboard",
    "--gpu-telemetry pynvml",
    "--gpu-telemetry amdsmi",
    "--audio-length-mean 0",
    "--goodput nosuch:1",
    "--image-source assets --image-width-mean 64 --image-height-mean 64",
    "--rankings-passages-mean 4",
    "--batch-size 2",
  ]) {
    it(`is: ${line}`, () => {
      const run = read(line.split(" "));
      if (run.problems.length === 0) expect(run.spec).to.throw();
    });
  }

  it("is a stream of an endpoint that has none", () => {
    expect(read(["--streaming", "--endpoint-type", "embeddings"]).spec).to.throw();
  });
});
