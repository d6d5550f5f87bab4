import { execFile, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { messageOf } from "../../../services/common/errors.ts";
import { rowAt } from "../../../services/dataset/core/packed-rows.ts";
import type { PrepareProgress } from "../../../services/dataset/progress.ts";
import { DatasetStore } from "../../../services/dataset/store/dataset-store.ts";
import { openPreparedFile, PreparedFileWriter } from "../../../services/dataset/store/prepared-file.ts";
import { writePrompts } from "../../support/many-turns.ts";
import { type Prepared, prepareFile, turnsOfFile } from "../../support/prepare-file.ts";

const program = join(import.meta.dirname, "../../support/prepare-file.ts");

describe("the store of prepared datasets", () => {
  let root: string;
  let folder: string;
  let path: string;
  let expected: Prepared;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "assay-store-"));
    folder = join(root, "cache");
    path = join(root, "prompts.jsonl");
    await writePrompts(path, 3000, 1000);
    expected = await prepareFile(path, undefined);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const options = () => ({ folder, maxBytes: 2 ** 40 });
  const store = () => new DatasetStore(options());
  const prepared = (): string[] => readdirSync(folder).filter((name) => /^prepared-[0-9a-f]+$/.test(name));
  const only = (): string => join(folder, prepared()[0] ?? "none");

  it("gives the second one what the first one prepared", async () => {
    expect(await prepareFile(path, options())).to.deep.equal(expected);
    const { ino } = statSync(only());
    expect(await prepareFile(path, options())).to.deep.equal(expected);
    expect(statSync(only()).ino).to.equal(ino);
    expect(store().list()).to.have.lengthOf(1);
    expect(store().list()[0]).to.deep.include({
      kind: "prepared",
      format: "single_turn",
      conversations: 3000,
      turns: 3000,
      isInUse: false,
    });
  });

  it("tells how far it is, looking the file up first and reading it then, and says no row of what was prepared before", async () => {
    const { size } = statSync(path);
    const steps = async () => {
      const told: PrepareProgress[] = [];
      await prepareFile(path, options(), {}, 1, (progress) => told.push(progress));
      return told;
    };
    const first = await steps();
    expect(new Set(first.map(({ step }) => step))).to.deep.equal(new Set(["check", "read"]));
    for (const { doneBytes, totalBytes } of first) expect([doneBytes <= size, totalBytes]).to.deep.equal([true, size]);
    expect((await steps()).filter(({ step }) => step === "read")).to.deep.equal([]);
  });

  it("does not look through what does not begin as a dataset", async () => {
    await writeFile(path, Buffer.alloc(2 << 20));
    const told: PrepareProgress[] = [];
    const preparing = prepareFile(path, options(), {}, 1, (progress) => told.push(progress));
    expect(await preparing.catch(messageOf)).to.match(/expected text or a Parquet file, got a byte of zero$/);
    expect(told.filter(({ step }) => step === "check")).to.deep.equal([]);
  });

  it("has one for all seeds where nothing is drawn, and one for each where something is", async () => {
    for (const seed of [0, 1, 2]) expect(await prepareFile(path, options(), {}, seed)).to.deep.equal(expected);
    expect(prepared()).to.have.lengthOf(1);
    const row = (n: number) => ({ timestamp: n, input_length: 700, output_length: 5, hash_ids: [n, n + 1], session_id: `s${n}` });
    await writeFile(path, Array.from({ length: 20_000 }, (_, n) => `${JSON.stringify(row(n))}\n`).join(""));
    const synthesis = {
      speedupRatio: 1,
      prefixLenMultiplier: 1,
      prefixRootMultiplier: 4,
      promptLenMultiplier: 1,
      outputLenMultiplier: 1,
      maxInputTokens: 1e6,
      maxOutputTokens: 1e6,
    };
    const digests = [];
    for (const seed of [0, 1, 0]) digests.push((await prepareFile(path, options(), { synthesis }, seed)).digest);
    expect(prepared()).to.have.lengthOf(3);
    expect(new Set(digests).size).to.equal(2);
    expect(digests[0]).to.equal(digests[2]);
  });

  it("takes a file that says something else for another one, also where it looks the same", async () => {
    await prepareFile(path, options());
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    bytes[12] = bytes[12] === 0x78 ? 0x79 : 0x78;
    await writeFile(path, bytes);
    utimesSync(path, atime, mtime);
    const other = await prepareFile(path, options());
    expect(other.digest).to.not.equal(expected.digest);
    expect(prepared()).to.have.lengthOf(2);
  });

  it("makes one anew whose rows name a file that has changed", async () => {
    const wave = (sample: string) => Buffer.from(`RIFF....WAVEfmt ${sample}`);
    await writeFile(path, `{"text":"a","audio":"a.wav"}\n`.repeat(40_000));
    await writeFile(join(root, "a.wav"), wave("one"));
    const first = await prepareFile(path, options());
    expect(await prepareFile(path, options())).to.deep.equal(first);
    await writeFile(join(root, "a.wav"), wave("two"));
    const second = await prepareFile(path, options());
    expect(second.digest).to.not.equal(first.digest);
    expect(second).to.deep.equal(await prepareFile(path, undefined));
    expect(prepared()).to.have.lengthOf(1);
  });

  it("makes one anew where its rows are to be read otherwise", async () => {
    await writeFile(path, `{"input_length":5,"timestamp":1,"note":"${"x".repeat(40)}"}\n`.repeat(40_000));
    const timed = await prepareFile(path, options());
    const timeless = await prepareFile(path, options(), { ignoresDelays: true });
    expect(timeless.digest).to.not.equal(timed.digest);
    expect(prepared()).to.have.lengthOf(2);
  });

  it("keeps no small file", async () => {
    await writePrompts(path, 10, 100);
    expect(await prepareFile(path, options())).to.include({ turns: 10, problem: undefined });
    expect(store().list()).to.deep.equal([]);
  });

  for (const [what, damage] of [
    ["cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => Buffer.alloc(0)],
    ["changed in a turn", (bytes: Buffer) => bytes.fill(0x21, 100_000, 100_003)],
    ["changed in what is known of its turns", (bytes: Buffer) => bytes.fill(0x21, bytes.length - 5000, bytes.length - 4990)],
    ["longer than it was", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("more")])],
  ] as const) {
    it(`makes one anew that is ${what}`, async () => {
      await prepareFile(path, options());
      const whole = readFileSync(only());
      writeFileSync(only(), damage(Buffer.from(whole)));
      expect(await prepareFile(path, options())).to.deep.equal(expected);
      expect(Buffer.compare(readFileSync(only()), whole)).to.equal(0);
    });
  }

  it("notices a page that is damaged while it is in use, and lets the next one make it anew", async () => {
    const { file, close } = await turnsOfFile(path, options());
    const bytes = readFileSync(only());
    writeFileSync(only(), bytes.fill(0x21, 500_000, 500_010));
    const rows = Array.from({ length: file.turns.size }, (_, row) => row);
    expect(() => {
      for (const row of rows) rowAt(file.turns, row);
    }).to.throw(/damaged/);
    expect(prepared()).to.deep.equal([]);
    close();
    expect(await prepareFile(path, options())).to.deep.equal(expected);
  });

  it("is safe under several processes that prepare the same at once", async () => {
    const run = async () => JSON.parse((await promisify(execFile)(process.execPath, [program, path, folder])).stdout) as Prepared;
    const all = await Promise.all([run(), run(), run()]);
    for (const { turns, digest } of all) expect({ turns, digest }).to.deep.equal({ turns: 3000, digest: expected.digest });
    expect(prepared()).to.have.lengthOf(1);
    expect(readdirSync(folder).filter((name) => name.includes("tmp") || name.includes(".use-"))).to.deep.equal([]);
  });

  it("goes on from memory where the disk is full, and says so", () => {
    for (const kib of [0, 64, 1500]) {
      const command = `ulimit -f ${kib}; exec "$0" "$@"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", command, process.execPath, program, path, folder], {
        encoding: "utf8",
      });
      expect(stderr).to.equal("");
      const { problem, ...rest } = JSON.parse(stdout) as Prepared;
      expect(problem).to.match(/EFBIG/);
      expect(rest).to.deep.equal({ turns: 3000, digest: expected.digest });
      expect(readdirSync(folder).filter((name) => name !== "digests")).to.deep.equal([]);
    }
  });

  it("goes on from memory where its folder cannot be made, and says so", async () => {
    const { problem, ...rest } = await prepareFile(path, { folder: join(path, "cache"), maxBytes: 1 });
    expect(problem).to.match(/ENOTDIR/);
    expect(rest).to.deep.equal({ turns: 3000, digest: expected.digest });
  });

  it("leaves nothing of a file that is no dataset", async () => {
    await writeFile(path, `${readFileSync(path, "utf8")}{"text"`);
    const error = await prepareFile(path, options()).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.include({ code: "invalid_argument" });
    expect(readdirSync(folder).filter((name) => name !== "digests")).to.deep.equal([]);
  });

  it("reads pages as they are asked for, in any order, and no more of them than it may hold", () => {
    const descriptor = openSync(join(root, "pages"), "wx+");
    const writer = new PreparedFileWriter(descriptor);
    for (let page = 0; page < 2000; page++) writer.add(new Uint8Array(64 * 1024).fill(page));
    const turns = {
      size: 2000,
      sizeBytes: 2000 << 16,
      arenas: [],
      arenaOf: Uint32Array.from({ length: 2000 }, (_, index) => index),
      startOf: new Uint32Array(2000),
      endOf: new Uint32Array(2000).fill(1 << 16),
    };
    // Nothing but the turns is looked at here.
    expect(writer.finish({ turns } as never)).to.equal(true);
    closeSync(descriptor);
    const { file, close } = openPreparedFile(join(root, "pages"));
    const before = process.memoryUsage().arrayBuffers;
    for (let row = 0; row < 2000; row++) expect(rowAt(file.turns, (row * 997) % 2000)[77]).to.equal(((row * 997) % 2000) % 256);
    for (let round = 0; round < 4; round++) globalThis.gc?.();
    if (globalThis.gc !== undefined) expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(48 << 20);
    close();
    expect(() => rowAt(file.turns, 0)).to.throw(/not prepared any more/);
  });

  describe("over its limit", () => {
    const about = { description: "", format: "", conversations: 0, turns: 0 };

    function put(store: DatasetStore, id: string, secondsAgo: number): void {
      const file = store.create();
      writeFileSync(file.descriptor, Buffer.alloc(1000));
      file.commit(id, about);
      const then = new Date(Date.now() - secondsAgo * 1000);
      utimesSync(store.pathOf(id), then, then);
    }

    it("lets go of what was not used for longest, and never of what is in use", () => {
      const small = new DatasetStore({ folder, maxBytes: 3500 });
      put(small, "prepared-a", 400);
      put(small, "upload-b", 300);
      put(small, "prepared-c", 200);
      const release = small.use("prepared-a");
      utimesSync(small.pathOf("prepared-a"), new Date(0), new Date(0));
      put(small, "public-d", 100);
      expect(small.list().map(({ id }) => id)).to.have.members(["prepared-a", "prepared-c", "public-d"]);
      expect(small.list().find(({ id }) => id === "prepared-a")?.isInUse).to.equal(true);
      put(small, "prepared-e", 0);
      expect(small.list().map(({ id }) => id)).to.have.members(["prepared-a", "public-d", "prepared-e"]);
      release();
      put(small, "prepared-f", 0);
      expect(small.list().map(({ id }) => id)).to.have.members(["public-d", "prepared-e", "prepared-f"]);
    });

    it("keeps one that is larger than the limit as long as it is used", () => {
      const tiny = new DatasetStore({ folder, maxBytes: 10 });
      put(tiny, "prepared-a", 0);
      const release = tiny.use("prepared-a");
      put(tiny, "prepared-b", 0);
      expect(tiny.has("prepared-a")).to.equal(true);
      release();
      expect(tiny.has("prepared-a")).to.equal(false);
    });

    it("refuses to remove what is in use, and what is no dataset of its", () => {
      put(store(), "prepared-a", 0);
      const release = store().use("prepared-a");
      expect(() => store().remove("prepared-a")).to.throw(/in use/);
      release();
      store().remove("prepared-a");
      for (const id of ["prepared-a", "../prompts.jsonl", "prepared-..", "digests", ""])
        expect(() => store().remove(id)).to.throw(/no dataset/);
    });

    it("forgets what processes that are gone have left", () => {
      const { pid } = spawnSync("true");
      put(store(), "prepared-a", 0);
      writeFileSync(join(folder, `prepared-a.use-${pid}-1`), "");
      writeFileSync(join(folder, `.tmp-${pid}-1`), "half");
      expect(store().list()[0]?.isInUse).to.equal(false);
      expect(readdirSync(folder).sort()).to.deep.equal(["prepared-a", "prepared-a.json"]);
    });
  });
});
