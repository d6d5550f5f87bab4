import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findSuites, listSuite } from "../../../services/common/suite-files.ts";

const suite = { address: "127.0.0.1:7", startedBy: "assay run", token: "secret" };

describe("files of suites", () => {
  let folder = "";
  let env: { XDG_RUNTIME_DIR: string };
  let suites = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-suite-files-"));
    env = { XDG_RUNTIME_DIR: folder };
    suites = join(folder, "assay/suites");
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  /** The one file there is. */
  const fileThere = (): string => join(suites, readdirSync(suites)[0] ?? "");

  it("are for their owner's eyes, are found while their process lives, and go when they are taken away", () => {
    const unlist = listSuite(suite, env);
    expect(statSync(fileThere()).mode & 0o777).to.equal(0o600);
    expect(statSync(suites).mode & 0o777).to.equal(0o700);
    expect(findSuites(env).suites).to.deep.equal([{ ...suite, pid: process.pid }]);
    unlist();
    expect(readdirSync(suites)).to.deep.equal([]);
    unlist();
    expect(findSuites(env).suites).to.deep.equal([]);
  });

  it("are told apart where several suites run, and lie below ~/.cache without a runtime folder", () => {
    const home = { HOME: folder };
    for (const address of ["127.0.0.1:1", "127.0.0.1:2"]) listSuite({ ...suite, address }, home);
    expect(findSuites(home).suites.map(({ address }) => address)).to.have.members(["127.0.0.1:1", "127.0.0.1:2"]);
    expect(readdirSync(join(folder, ".cache/assay/suites"))).to.have.length(2);
  });

  it("are removed by whoever looks when their process is gone", () => {
    const module = join(import.meta.dirname, "../../../services/common/suite-files.ts");
    const words = `import { listSuite } from ${JSON.stringify(module)}; listSuite(${JSON.stringify(suite)}, process.env);`;
    spawnSync(process.execPath, ["--input-type=module", "-e", words], { env: { ...process.env, ...env } });
    expect(readdirSync(suites)).to.have.length(1);
    expect(findSuites(env).suites).to.deep.equal([]);
    expect(readdirSync(suites)).to.deep.equal([]);
  });

  it("are left alone and not taken where they are of another host, or no such files", () => {
    listSuite(suite, env);
    const entry = JSON.parse(readFileSync(fileThere(), "utf8"));
    const elsewhere = { ...entry, process: { ...entry.process, host: "another" } };
    writeFileSync(fileThere(), JSON.stringify(elsewhere));
    for (const [name, text] of [
      ["half.json", '{"address": "127.'],
      ["strange.json", "[1]"],
      ["notes", "-"],
    ] as const) {
      writeFileSync(join(suites, name), text, { mode: 0o600 });
    }
    expect(findSuites(env).suites).to.deep.equal([]);
    expect(readdirSync(suites)).to.have.length(4);
  });

  it("are refused where others can read them", () => {
    listSuite(suite, env);
    chmodSync(fileThere(), 0o640);
    expect(() => findSuites(env)).to.throw(/the suite in .*\.json is open to others: chmod 600 it/);
  });

  it("of other users are counted, and neither read nor removed", function () {
    // Only root can give a file away.
    if (process.getuid?.() !== 0) this.skip();
    listSuite(suite, env);
    chownSync(fileThere(), 12_345, 12_345);
    expect(findSuites(env)).to.deep.equal({ suites: [], strangers: 1, folder: suites });
    expect(existsSync(fileThere())).to.equal(true);
  });

  it("name their folder where it cannot be written or read", () => {
    mkdirSync(join(folder, "assay"));
    writeFileSync(suites, "a file where the folder should be");
    expect(() => listSuite(suite, env)).to.throw(`cannot write into ${suites}: `);
    expect(() => findSuites(env)).to.throw(`cannot look for suites in ${suites}: `);
  });
});
