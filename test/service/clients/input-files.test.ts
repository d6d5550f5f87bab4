import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import { fileComplaints, withAbsolutePaths } from "../../../clients/cli/spec/input-files.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const specOf = (path: string | undefined, tokenizer?: string): JsonObject => ({
  models: ["m"],
  ...(path === undefined ? {} : { dataset: { file: { path, on_bad_row: "skip" }, entries: 3 } }),
  ...(tokenizer === undefined ? {} : { tokenizer: { name: tokenizer } }),
});

describe("files that a command line names", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-inputs-"));
    await writeFile(join(folder, "p.jsonl"), '{"text":"a"}\n');
    await mkdir(join(folder, "llama"));
    await writeFile(join(folder, "llama", "tokenizer.json"), "{}");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const complaints = async (path: string | undefined, tokenizer?: string): Promise<string[]> => {
    const found = await fileComplaints(withAbsolutePaths(specOf(path, tokenizer), folder));
    return found.map(({ field, description }) => `${field}: ${description}`);
  };

  it("are named absolutely, seen from where the command was given, and all else stays as it is", () => {
    const given = specOf("p.jsonl", "./llama");
    const before = structuredClone(given);
    expect(withAbsolutePaths(given, folder)).to.deep.equal(specOf(join(folder, "p.jsonl"), join(folder, "llama")));
    expect(given).to.deep.equal(before);
    expect(withAbsolutePaths(specOf(undefined, "../x/t.json"), "/a/b")).to.deep.equal(specOf(undefined, "/a/x/t.json"));
    expect(withAbsolutePaths(specOf("/p", "tokenizer.json"), "/a")).to.deep.equal(specOf("/p", "/a/tokenizer.json"));
    for (const spec of [{}, { dataset: { synthetic: {} } }, { dataset: { file: {} } }]) {
      expect(withAbsolutePaths(spec, "/a")).to.deep.equal(spec);
    }
  });

  for (const tokenizer of ["o200k_base", "builtin", "none", "npm:@scope/tokens", "gpt2"]) {
    it(`are not meant by the tokenizer ${tokenizer}`, async () => {
      expect(withAbsolutePaths(specOf(undefined, tokenizer), folder)).to.deep.equal(specOf(undefined, tokenizer));
      expect(await complaints(undefined, tokenizer)).to.deep.equal([]);
    });
  }

  it("are left alone where they can be read", async () => {
    execFileSync("mkfifo", [join(folder, "open-pipe")]);
    expect(await complaints("open-pipe")).to.deep.equal([]);
    expect(await complaints("p.jsonl", "llama/")).to.deep.equal([]);
    expect(await complaints(join(folder, "p.jsonl"), "llama/tokenizer.json")).to.deep.equal([]);
    expect(await complaints(undefined)).to.deep.equal([]);
  });

  it("are all complained of, with the path that was tried", async () => {
    execFileSync("mkfifo", [join(folder, "pipe.json")]);
    const notFetched = "; models are not fetched, a tokenizer.json is needed";
    expect(await complaints("gone.jsonl", "models/llama.v3/tokenizer")).to.deep.equal([
      `dataset.file.path: ${folder}/gone.jsonl is not there`,
      `tokenizer.name: ${folder}/models/llama.v3/tokenizer is not there${notFetched}`,
    ]);
    expect(await complaints(".", "./")).to.deep.equal([`tokenizer.name: ${folder}/tokenizer.json is not there${notFetched}`]);
    expect(await complaints("/dev/zero")).to.deep.equal(["dataset.file.path: /dev/zero is no file"]);
    expect(await complaints(undefined, "pipe.json")).to.deep.equal([
      `tokenizer.name: ${folder}/pipe.json is no file${notFetched}`,
    ]);
  });

  const nothing = (path: string): string => `${path} is not there (dataset.file.path)`;
  for (const [what, argv, env, line] of [
    ["an option", ["--input-file", "gone"], {}, "--input-file gone: "],
    ["a variable", [], { ASSAY_INPUT_FILE: "gone" }, "ASSAY_INPUT_FILE=gone: "],
    ["a setting", ["--set", "dataset.file.path=gone"], {}, "--set dataset.file.path=gone: "],
  ] as const) {
    it(`are looked at before anything is started, wherever they are named: by ${what}`, async () => {
      const terminal = new FakeTerminal({ cwd: folder, env });
      expect(await runCli(["run", "-m", "m", ...argv], terminal)).to.equal(exitCodes.usage);
      expect(terminal.stderr.split("\n")[0]).to.equal(`assay run: ${line}${nothing(join(folder, "gone"))}`);
      expect(terminal.stdout).to.equal("");
    });
  }

  it("are looked at, and found from the folder of the command, where a file of --config names them", async () => {
    await writeFile(join(folder, "run.yaml"), "models: [m]\ndataset:\n  file:\n    path: gone\n");
    const terminal = new FakeTerminal({ cwd: folder });
    expect(await runCli(["run", "-f", "run.yaml"], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr.split("\n")[0]).to.match(/^assay run: run\.yaml:4:\d+: dataset\.file\.path: .*gone is not there$/);
  });
});
