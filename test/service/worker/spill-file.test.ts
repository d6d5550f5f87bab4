import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { SpillFile } from "../../../services/worker/spill-file.ts";
import { failureOf } from "../rpc/harness.ts";

describe("spill file", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-spill-"));
    path = join(folder, "a.spill");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("gives back what was written, in any order, each once", async () => {
    const file = new SpillFile(path);
    const batches = [1, 2, 3].map((seq) => [Buffer.alloc(seq * 100, seq), Buffer.alloc(0), Buffer.from([seq])]);
    for (const [index, batch] of batches.entries()) expect(file.write(index + 1, batch)).to.equal(undefined);
    expect(file.sizeBytes).to.equal(603);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    for (const seq of [2, 1, 3]) expect(await file.read(seq)).to.deep.equal(batches[seq - 1]);
    expect((await failureOf(file.read(2))).code).to.equal("data_loss");
    await file.remove();
    expect(existsSync(path)).to.equal(false);
  });

  it("is not there before the first write, and may be removed then", async () => {
    const file = new SpillFile(path);
    expect(existsSync(path)).to.equal(false);
    await file.remove();
  });

  it("begins anew once it is emptied", async () => {
    const file = new SpillFile(path);
    file.write(1, [Buffer.from("one")]);
    file.empty();
    expect([file.sizeBytes, statSync(path).size]).to.deep.equal([0, 0]);
    file.write(2, [Buffer.from("two")]);
    expect(await file.read(2)).to.deep.equal([Buffer.from("two")]);
    await file.remove();
  });

  it("keeps in memory what cannot be written, and says so until that has been read", async () => {
    const file = new SpillFile(join(folder, "no", "such", "folder"));
    const error = file.write(1, [Buffer.from("kept")]);
    expect(error?.code).to.equal("resource_exhausted");
    expect(error?.message).to.contain(join("no", "such", "folder"));
    expect(file.isBroken).to.equal(true);
    expect(await file.read(1)).to.deep.equal([Buffer.from("kept")]);
    expect(file.isBroken).to.equal(false);
    await file.remove();
  });

  it("does not write through somebody else's link", async () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "precious");
    chmodSync(victim, 0o644);
    symlinkSync(victim, path);
    const file = new SpillFile(path);
    expect(file.write(1, [Buffer.from("record")])).to.equal(undefined);
    expect(statSync(victim).size).to.equal(8);
    expect(await file.read(1)).to.deep.equal([Buffer.from("record")]);
    await file.remove();
  });

  it("says that data is lost where the file has become shorter", async () => {
    const file = new SpillFile(path);
    file.write(1, [Buffer.alloc(100)]);
    truncateSync(path, 50);
    expect((await failureOf(file.read(1))).code).to.equal("data_loss");
    await file.remove();
  });

  it("may be removed though somebody else has done so", async () => {
    const file = new SpillFile(path);
    file.write(1, [Buffer.from("x")]);
    rmSync(path);
    await file.remove();
  });
});
