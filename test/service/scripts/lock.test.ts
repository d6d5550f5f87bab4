import { existsSync } from "node:fs";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { withLock } from "../../../scripts/lock.mjs";

describe("the set-up's lock", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-lock-"));
    path = join(folder, "lock");
    waits.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const waits: string[] = [];
  const optionsOf = (deadlineMs: number) => ({
    deadlineMs,
    onWait: (line: string) => waits.push(line),
    fail: (message: string) => new Error(message),
  });

  it("is held by one at a time", async () => {
    let holders = 0;
    let most = 0;
    const work = () =>
      withLock(path, optionsOf(15_000), async () => {
        most = Math.max(most, ++holders);
        await new Promise(setImmediate);
        holders--;
      });
    await Promise.all(Array.from({ length: 5 }, work));
    expect(most).to.equal(1);
    expect(waits).to.have.length(4);
    expect(existsSync(path)).to.equal(false);
  });

  it("is given back when the work fails", async () => {
    const failure = await withLock(path, optionsOf(0), () => Promise.reject(new Error("no space"))).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property("message", "no space");
    expect(await withLock(path, optionsOf(0), () => Promise.resolve("next"))).to.equal("next");
  });

  it("is taken from a holder that is long gone", async () => {
    await writeFile(path, "1\n");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(path, longAgo, longAgo);
    expect(await withLock(path, optionsOf(0), () => Promise.resolve("taken"))).to.equal("taken");
  });

  it("is waited for no longer than the deadline", async () => {
    await writeFile(path, "1\n");
    const failure = await withLock(path, optionsOf(0), () => Promise.resolve()).catch((error: unknown) => error);
    expect(failure).to.have.property("message", `gave up waiting for the lock ${path}`);
  });
});
