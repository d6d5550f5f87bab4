import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import { fileProblems, withAbsolutePaths } from "../../../clients/cli/input-files.ts";
import { FakeTerminal } from "./fake-terminal.ts";

describe("files that a command line names", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-inputs-"));
    await writeFile(join(folder, "p.jsonl"), '{"text":"a"}\n');
    await mkdir(join(folder, "llama"));
    await writeFile(join(folder, "llama", "tokenizer.json"), "{}");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("are named absolutely, seen from where the command was given", () => {
    const names = { inputFile: "p.jsonl", tokenizer: "./llama" };
    expect(withAbsolutePaths(names, folder)).to.deep.equal({
      inputFile: join(folder, "p.jsonl"),
      tokenizer: join(folder, "llama"),
    });
    expect(withAbsolutePaths({ tokenizer: "../x/tokenizer.json" }, "/a/b").tokenizer).to.equal("/a/x/tokenizer.json");
    expect(withAbsolutePaths({ tokenizer: "tokenizer.json" }, "/a").tokenizer).to.equal("/a/tokenizer.json");
  });

  for (const tokenizer of ["o200k_base", "builtin", "none", "npm:@scope/tokens", "gpt2"]) {
    it(`are not meant by the tokenizer ${tokenizer}`, async () => {
      expect(withAbsolutePaths({ tokenizer }, folder)).to.deep.equal({ tokenizer });
      expect(await fileProblems({ tokenizer }, folder)).to.deep.equal([]);
    });
  }

  it("are left alone where they can be read", async () => {
    const options = { inputFile: "p.jsonl", tokenizer: "llama/" };
    expect(await fileProblems(options, folder)).to.deep.equal([]);
    expect(await fileProblems({ inputFile: join(folder, "p.jsonl"), tokenizer: "llama/tokenizer.json" }, "/")).to.have.lengthOf(
      1,
    );
    expect(await fileProblems({}, folder)).to.deep.equal([]);
  });

  it("are all complained of in one line each, with the path that was tried", async () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const notFetched = "; models are not fetched, a tokenizer.json is needed";
    expect(await fileProblems({ inputFile: "gone.jsonl", tokenizer: "meta-llama/Llama-3" }, folder)).to.deep.equal([
      `--input-file gone.jsonl: ${folder}/gone.jsonl is not there`,
      `--tokenizer meta-llama/Llama-3: ${folder}/meta-llama/Llama-3 is not there${notFetched}`,
    ]);
    expect(await fileProblems({ inputFile: ".", tokenizer: "./" }, folder)).to.deep.equal([
      `--input-file .: ${folder} is a folder, expected a file`,
      `--tokenizer ./: ${folder}/tokenizer.json is not there${notFetched}`,
    ]);
    expect(await fileProblems({ inputFile: "pipe" }, folder)).to.deep.equal([`--input-file pipe: ${folder}/pipe is no file`]);
  });

  it("are looked at before anything is started: one line, and exit code 2", async () => {
    const terminal = new FakeTerminal();
    expect(await runCli(["run", "-m", "m", "--input-file", join(folder, "gone")], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr.split("\n")[0]).to.equal(`assay run: --input-file ${folder}/gone: ${folder}/gone is not there`);
    expect(terminal.stdout).to.equal("");
  });
});
