import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { expect } from "chai";
import { readsInput, spoolInput, withInputFile } from "../../../clients/cli/spec/standard-input.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a dataset on standard input", () => {
  const never = new AbortController().signal;
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
    const file = await spoolInput({ input: Readable.from([Buffer.from("a\n"), Buffer.from("b")]), signal: never });
    expect(await readFile(file.path, "utf8")).to.equal("a\nb");
    expect((await stat(file.path)).mode & 0o077).to.equal(0);
    await file.remove();
    await file.remove();
    expect(await failureOf(stat(file.path))).to.include({ code: "ENOENT" });
  });

  it("may be empty", async () => {
    const file = await spoolInput({ input: Readable.from([]), signal: never });
    expect((await stat(file.path)).size).to.equal(0);
    await file.remove();
  });

  it("is refused above the limit, whose option is named, and nothing of it stays", async () => {
    function* endless(): Generator<Buffer> {
      for (;;) yield Buffer.alloc(1000);
    }
    const error = await failureOf(spoolInput({ input: Readable.from(endless()), maxBytes: 5000, signal: never }));
    expect(error).to.include({ code: "resource_exhausted" });
    expect(error.message).to.equal("standard input has more than 5000 bytes (--max-dataset-bytes)");
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is given up at once, though nothing comes, and nothing of it stays", async () => {
    const given = new AbortController();
    const spooling = failureOf(spoolInput({ input: new PassThrough(), signal: given.signal }));
    given.abort();
    expect(await spooling).to.include({ code: "cancelled" });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is not waited for at a terminal", async () => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    expect((await failureOf(spoolInput({ input, signal: never }))).message).to.contain("is a terminal");
  });

  it("takes the place of - in a spec, and of nothing else", () => {
    const file = { path: "/tmp/x", remove: async () => {} };
    const spec = { models: ["m"], dataset: { entries: 3, file: { path: "-", format: "single_turn" } } };
    expect(readsInput(spec)).to.equal(true);
    const kept = { path: "/tmp/x", name: "standard input", format: "single_turn" };
    expect(withInputFile(spec, file, "/work")).to.deep.equal({
      models: ["m"],
      dataset: { entries: 3, file: { ...kept, media_folder: "/work" } },
    });
    const own = { ...spec, dataset: { file: { ...spec.dataset.file, media_folder: "/own" } } };
    expect(withInputFile(own, file, "/work")).to.deep.equal({
      models: ["m"],
      dataset: { file: { ...kept, media_folder: "/own" } },
    });
    for (const other of [{}, { dataset: {} }, { dataset: { file: { path: "/-" } } }]) {
      expect(readsInput(other)).to.equal(false);
      expect(withInputFile(other, file, "/work")).to.equal(other);
    }
  });
});
