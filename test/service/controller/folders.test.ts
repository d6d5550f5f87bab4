import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { makeRunFolder, removeRunFiles } from "../../../services/controller/folders.ts";

describe("the folder of a run", () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "assay-folders-"));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  const own = () => ({ runsDir: join(base, "runs"), artifactBase: base });
  const files = (artifactDir: string, name: string, exportPrefix = "") => ({ artifactDir, name, exportPrefix });
  const shared = () => ({ runsDir: join(base, "runs"), artifactBase: undefined });

  it("lies below the runs folder by its id, whatever the spec names, in a suite of many", () => {
    const folder = makeRunFolder(shared(), "run-1", files("/etc", "name"));
    expect(folder).to.equal(join(base, "runs", "run-1"));
    expect(existsSync(folder)).to.equal(true);
  });

  it("is where the spec says, relative to the base, in a suite of one's own", () => {
    expect(makeRunFolder(own(), "run-1", files("out/a", "name"))).to.equal(join(base, "out", "a"));
    expect(makeRunFolder(own(), "run-1", files(join(base, "abs"), "name"))).to.equal(join(base, "abs"));
  });

  it("loses the files of an earlier run when it is named again, and no others", () => {
    const folder = makeRunFolder(own(), "run-1", files("out", "name"));
    for (const file of ["run.db", "run.db-wal", "profile_export.jsonl", "notes.txt"]) writeFileSync(join(folder, file), "x");
    makeRunFolder(own(), "run-2", files("out", "name"));
    expect(readdirSync(folder)).to.deep.equal(["notes.txt"]);
  });

  it("loses them under the prefix of the run that takes it, too, and under no other", () => {
    const folder = makeRunFolder(own(), "run-1", files("out", "name", "mine"));
    for (const file of ["mine.json", "mine_console.txt", "other.json", "inputs.json"]) writeFileSync(join(folder, file), "x");
    makeRunFolder(own(), "run-2", files("out", "name", "mine.csv"));
    expect(readdirSync(folder)).to.deep.equal(["other.json"]);
    writeFileSync(join(folder, "other.jsonl"), "x");
    removeRunFiles(folder, "other");
    expect(existsSync(folder)).to.equal(false);
  });

  it("is artifacts/<name>, with a number behind it where that is taken", () => {
    const folders = [1, 2, 3].map(() => makeRunFolder(own(), "run", files("", "m-chat")));
    expect(folders).to.deep.equal(["m-chat", "m-chat-2", "m-chat-3"].map((name) => join(base, "artifacts", name)));
  });

  it("never lies outside artifacts because of a run's name", () => {
    const folder = makeRunFolder(own(), "run", files("", "../../elsewhere"));
    expect(folder.startsWith(join(base, "artifacts"))).to.equal(true);
  });

  it("is refused with its path where it cannot be made", () => {
    writeFileSync(join(base, "file"), "x");
    expect(() => makeRunFolder(own(), "run", files("file/below", "name"))).to.throw(join(base, "file", "below"));
    expect(() => makeRunFolder({ runsDir: join(base, "file"), artifactBase: undefined }, "run", files("", "name"))).to.throw(
      "cannot be made",
    );
    expect(() => makeRunFolder({ ...own(), artifactBase: join(base, "file") }, "run", files("", "name"))).to.throw(
      "cannot be made",
    );
    // Node's own recursive mkdir never comes back from there.
    expect(() => makeRunFolder(own(), "run", files("/proc/nowhere/out", "name"))).to.throw("/proc/nowhere/out cannot be made");
  });

  it("is removed with the run's files, but stays for what somebody else put there", () => {
    const alone = makeRunFolder(own(), "run", files("alone", "name"));
    const used = makeRunFolder(own(), "run", files("used", "name"));
    for (const folder of [alone, used]) {
      for (const file of ["run.db", "profile_export_aiperf.json", "profile_export.jsonl"]) writeFileSync(join(folder, file), "x");
    }
    mkdirSync(join(used, "mine"));
    mkdirSync(join(alone, "logs"));
    writeFileSync(join(alone, "logs", "assay.log"), "x");
    removeRunFiles(alone, "");
    removeRunFiles(used, "");
    expect(existsSync(alone)).to.equal(false);
    expect(readdirSync(used)).to.deep.equal(["mine"]);
    expect(() => removeRunFiles(alone, "")).to.not.throw();
  });
});
