import { execFileSync, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { expect } from "chai";
import {
  type InputFile,
  pipedInput,
  type SpoolOptions,
  spoolInput,
  withInputFile,
} from "../../../clients/cli/spec/piped-input.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a dataset on standard input, or of a pipe", () => {
  const never = new AbortController().signal;
  const specOf = (path: string) => ({ models: ["m"], dataset: { entries: 3, file: { path, format: "single_turn" } } });
  const spool = async (stdin: Readable, options: SpoolOptions, path = "-"): Promise<InputFile> => {
    const piped = await pipedInput(specOf(path), stdin);
    return spoolInput(piped ?? expect.fail(`${path} is no pipe`), options);
  };
  const { TMPDIR = tmpdir() } = process.env;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(TMPDIR, "assay-test-"));
    process.env.TMPDIR = folder;
  });
  afterEach(async () => {
    process.env.TMPDIR = TMPDIR;
    await rm(folder, { recursive: true });
  });

  it("is kept whole, for this user alone, until it is removed", async () => {
    const file = await spool(Readable.from([Buffer.from("a\n"), Buffer.from("b")]), { signal: never });
    expect(await readFile(file.path, "utf8")).to.equal("a\nb");
    expect((await stat(file.path)).mode & 0o077).to.equal(0);
    await file.remove();
    await file.remove();
    expect(await failureOf(stat(file.path))).to.include({ code: "ENOENT" });
  });

  it("may be empty", async () => {
    const file = await spool(Readable.from([]), { signal: never });
    expect((await stat(file.path)).size).to.equal(0);
    await file.remove();
  });

  it("is refused above the limit, whose option is named, and nothing of it stays", async () => {
    function* endless(): Generator<Buffer> {
      for (;;) yield Buffer.alloc(1000);
    }
    const error = await failureOf(spool(Readable.from(endless()), { maxBytes: 5000, signal: never }));
    expect(error).to.include({ code: "resource_exhausted" });
    expect(error.message).to.equal("standard input has more than 5000 bytes (--max-dataset-bytes)");
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is given up at once, though nothing comes, and nothing of it stays", async () => {
    const given = new AbortController();
    const spooling = failureOf(spool(new PassThrough(), { signal: given.signal }));
    given.abort();
    expect(await spooling).to.include({ code: "cancelled" });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is not waited for at a terminal", async () => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    expect((await failureOf(spool(input, { signal: never }))).message).to.contain("is a terminal");
  });

  it("is read of a pipe that has a name, whoever opens it first", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    for (const isWriterFirst of [true, false]) {
      const write = () => spawn("sh", ["-c", `seq 100000 > '${path}'`], { stdio: "ignore" });
      if (isWriterFirst) write();
      const spooling = spool(Readable.from([]), { signal: never }, path);
      if (!isWriterFirst) write();
      const file = await spooling;
      expect((await readFile(file.path, "utf8")).split("\n")).to.have.lengthOf(100_001);
      expect(file.input).to.include({ path, name: path });
      await file.remove();
    }
  });

  it("is given up at once where nobody writes into the pipe", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    const given = new AbortController();
    const spooling = failureOf(spool(Readable.from([]), { signal: given.signal }, path));
    given.abort();
    expect(await spooling).to.include({ code: "cancelled", message: `${path} was not read to its end` });
    expect(await readdir(folder)).to.deep.equal(["pipe"]);
  });

  it("is read of what this process has open, from standard input too where that is named as a file", async () => {
    await writeFile(join(folder, "rows"), "a\nb");
    const file = await spool(Readable.from([]), { signal: never }, `/dev/fd/${openSync(join(folder, "rows"), "r")}`);
    expect(await readFile(file.path, "utf8")).to.equal("a\nb");
    for (const path of ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]) {
      const ofStdin = await spool(Readable.from([Buffer.from("c")]), { signal: never }, path);
      expect(await readFile(ofStdin.path, "utf8")).to.equal("c");
    }
    const { message } = await failureOf(spool(Readable.from([]), { signal: never }, "/dev/fd/987"));
    expect(message).to.match(/^\/dev\/fd\/987 cannot be read: .*EBADF/);
  });

  it("takes its place in a spec, and of nothing else", async () => {
    const file = await spool(Readable.from([]), { signal: never });
    const kept = { path: file.path, name: "standard input", format: "single_turn" };
    const spec = specOf("-");
    expect(withInputFile(spec, file, "/work")).to.deep.equal({
      models: ["m"],
      dataset: { entries: 3, file: { ...kept, media_folder: "/work" } },
    });
    const own = { ...spec, dataset: { file: { ...spec.dataset.file, media_folder: "/own" } } };
    expect(withInputFile(own, file, "/work")).to.deep.equal({
      models: ["m"],
      dataset: { file: { ...kept, media_folder: "/own" } },
    });
    for (const other of [{}, { dataset: {} }, { dataset: { file: { path: "/-" } } }, specOf(folder)]) {
      expect(await pipedInput(other, Readable.from([]))).to.equal(undefined);
      expect(withInputFile(other, file, "/work")).to.equal(other);
    }
    await file.remove();
  });
});
