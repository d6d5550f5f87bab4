import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

const source = join(import.meta.dirname, "../../../services/common/version.ts");

/** Sources of another place, with a package.json of version 4.5.6. */
describe("the version of the sources", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-version-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function place(root: string): void {
    mkdirSync(join(root, "services/common"), { recursive: true });
    cpSync(source, join(root, "services/common/version.ts"));
    writeFileSync(join(root, "package.json"), JSON.stringify({ type: "module", version: "4.5.6" }));
  }

  function commitTo(repository: string): string {
    const git = (...args: string[]): string => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" }).trim();
    git("init", "--quiet");
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--allow-empty", "--message=x");
    return git("rev-parse", "--short", "HEAD");
  }

  function lineOf(root: string, env: NodeJS.ProcessEnv = {}): string {
    const program = 'import { versionLine } from "./services/common/version.ts"; console.log(versionLine());';
    const options = { cwd: root, encoding: "utf8", env: { ...process.env, ...env } } as const;
    return spawnSync(process.execPath, ["--input-type=module", "-e", program], options).stdout;
  }

  it("is that of package.json, with the commit that git names", () => {
    place(folder);
    const commit = commitTo(folder);
    expect(lineOf(folder)).to.equal(`assay 4.5.6 (commit ${commit}, Node ${process.version})\n`);
  });

  it("has no commit where there is no repository, or no git", () => {
    place(folder);
    const unknown = `assay 4.5.6 (commit unknown, Node ${process.version})\n`;
    expect(lineOf(folder)).to.equal(unknown);
    commitTo(folder);
    expect(lineOf(folder, { PATH: "" })).to.equal(unknown);
  });

  it("takes no commit of another project's repository that it lies in", () => {
    const inside = join(folder, "vendor/assay");
    place(inside);
    commitTo(folder);
    expect(lineOf(inside)).to.equal(`assay 4.5.6 (commit unknown, Node ${process.version})\n`);
  });
});
