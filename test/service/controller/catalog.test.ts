import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { type CatalogEntry, isAlive, ownerHere, RunCatalog } from "../../../services/controller/catalog.ts";

function entry(runId: string, createdSec: number, overrides: Partial<CatalogEntry> = {}): CatalogEntry {
  const createdWallNs = (1_767_225_600 + createdSec) * 1e9;
  return {
    runId,
    folder: `/runs/${runId}`,
    state: "COMPLETED",
    createdWallNs,
    startedWallNs: undefined,
    endedWallNs: undefined,
    summaryLine: "m, 4 at once",
    ...overrides,
  };
}

describe("the catalog of runs", () => {
  let folder: string;
  let catalog: RunCatalog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-catalog-"));
    catalog = RunCatalog.open(join(folder, "runs", "catalog.db"));
  });
  afterEach(() => {
    catalog.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const idsOf = (entries: readonly CatalogEntry[]) => entries.map(({ runId }) => runId);

  it("gives back what was put, and the newest of what was put twice", () => {
    catalog.put(entry("a", 1, { state: "RUNNING" }));
    const ended = entry("a", 1, { startedWallNs: 1_767_225_602e9, endedWallNs: 1_767_225_603e9, exportPrefix: "mine" });
    catalog.put(ended);
    expect(catalog.get("a")).to.deep.equal(ended);
    expect(catalog.get("b")).to.equal(undefined);
  });

  it("lists the newest first, a page at a time", () => {
    for (const [index, id] of ["a", "b", "c", "d"].entries()) catalog.put(entry(id, index === 3 ? 2 : index));
    expect(idsOf(catalog.list())).to.deep.equal(["d", "c", "b", "a"]);
    expect(idsOf(catalog.list({ limit: 2 }))).to.deep.equal(["d", "c"]);
    expect(idsOf(catalog.list({ limit: 2, before: "c" }))).to.deep.equal(["b", "a"]);
  });

  it("lists runs of the states asked for", () => {
    catalog.put(entry("a", 1, { state: "RUNNING" }));
    catalog.put(entry("b", 2, { state: "FAILED" }));
    catalog.put(entry("c", 3));
    expect(idsOf(catalog.list({ states: ["RUNNING", "FAILED"] }))).to.deep.equal(["b", "a"]);
    expect(catalog.list({ states: [] })).to.deep.equal([]);
  });

  it("is made once by suites that start at the same moment", async () => {
    const module = new URL("../../../services/controller/catalog.ts", import.meta.url).href;
    const program = `const { RunCatalog } = await import(${JSON.stringify(module)});
      process.stdin.once("data", (at) => {
        while (Date.now() < Number(at)) {}
        for (let round = 0; round < 20; round++) RunCatalog.open(process.argv[1] + "/" + round + "/catalog.db").close();
        process.exit();
      });
      process.stdout.write("up");`;
    const children = Array.from({ length: 3 }, () => spawn(process.execPath, ["--input-type=module", "-e", program, folder]));
    const complaints: string[] = [];
    for (const child of children) child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
    await Promise.all(children.map((child) => once(child.stdout, "data")));
    const ends = children.map((child) => once(child, "exit"));
    for (const child of children) child.stdin.end(String(Date.now() + 50));
    const codes = (await Promise.all(ends)).map(([code]) => code);
    expect(codes, complaints.join("")).to.deep.equal([0, 0, 0]);
  });

  it("forgets a run once", () => {
    catalog.put(entry("a", 1));
    expect(catalog.delete("a")).to.equal(true);
    expect(catalog.delete("a")).to.equal(false);
    expect(catalog.list()).to.deep.equal([]);
  });

  it("is there again after it was closed", () => {
    catalog.put(entry("a", 1));
    catalog.close();
    catalog = RunCatalog.open(catalog.path);
    expect(idsOf(catalog.list())).to.deep.equal(["a"]);
  });

  it("refuses a limit out of bounds, and a page after a run that it does not know", () => {
    expect(() => catalog.list({ limit: 0 })).to.throw(AssayError, "limit must be from 1 to 1000, got 0");
    expect(() => catalog.list({ before: "nope" })).to.throw(AssayError, 'no run "nope"');
  });

  it("is made anew where its making was cut short", () => {
    const path = join(folder, "empty.db");
    writeFileSync(path, "");
    const made = RunCatalog.open(path);
    made.put(entry("a", 1));
    expect(idsOf(made.list())).to.deep.equal(["a"]);
    made.close();
  });

  it("names its path when it cannot be opened", () => {
    const file = join(folder, "file");
    writeFileSync(file, "no database ".repeat(100));
    expect(() => RunCatalog.open(join(file, "catalog.db"))).to.throw(AssayError, file);
    expect(() => RunCatalog.open(file))
      .to.throw(AssayError, file)
      .with.property("code", "data_loss");
  });
});

describe("the owner of a run", () => {
  const { bootId } = ownerHere();

  it("is alive as long as its process is, and none that has ended unattended", async function () {
    if (process.platform !== "linux") this.skip();
    // The second program, which is there before the child of the first ends, never asks after it.
    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [text] = await once(parent.stdout.setEncoding("utf8"), "data");
      const ended = Number(text);
      const isZombie = (): boolean => readFileSync(`/proc/${ended}/stat`, "latin1").includes(") Z ");
      for (let tries = 0; !isZombie() && tries < 500; tries++) await delay(10);
      expect(isAlive({ bootId, pid: ended })).to.equal(false);
      expect(isAlive({ bootId, pid: Number(parent.pid) })).to.equal(true);
      expect(isAlive({ bootId: "another boot", pid: Number(parent.pid) })).to.equal(false);
      expect(isAlive(undefined)).to.equal(false);
    } finally {
      parent.kill("SIGKILL");
    }
  });
});
