/** The examples of docs/extending.md, compiled as files at the places that their first lines name. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { blocksOf } from "../../support/shell-page.ts";

const root = join(import.meta.dirname, "../../..");
const compiler = join(root, "node_modules/typescript/bin/tsc");
const compilesWithinMs = 60_000;

/** What the compiler says of files, by path, as if they stood in the repository; empty: nothing. */
async function compile(files: ReadonlyMap<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "assay-extending-"));
  try {
    for (const [path, text] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    // As a user has it who wrote a file beside a clone.
    await symlink(root, join(folder, "assay"));
    const settings = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: { rootDirs: [folder, root], typeRoots: [join(root, "node_modules/@types")] },
      files: [...files.keys()],
      include: [],
    };
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const command = [compiler, "-p", folder, "--pretty", "false"];
    return await promisify(execFile)(process.execPath, command, { timeout: compilesWithinMs }).then(
      ({ stdout }) => stdout,
      ({ stdout, message }: { stdout: string; message: string }) => stdout || message,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("the examples of docs/extending.md", function () {
  this.timeout(3 * compilesWithinMs);
  const files = new Map<string, string>();

  before(async () => {
    for (const block of await blocksOf(join(root, "docs/extending.md"), "ts")) {
      files.set(/^\/\/ (\S+)\n/.exec(block)?.[1] ?? "", block);
    }
  });

  it("are one of each kind, each with its place", () => {
    expect([...files.keys()].map(dirname)).to.deep.equal([
      ".",
      "endpoints/mine",
      "metrics",
      "services/dataset/core/formats",
      "services/timing/core/pacers",
      "services/records-manager/exports",
    ]);
  });

  it("compile under the repository's rules", async () => {
    expect(await compile(files)).to.equal("");
  });

  it("would not if an interface that they use had changed", async () => {
    const broken = new Map([...files].map(([path, text]) => [path, text.replaceAll("ratedPacer", "pacedByRate")]));
    expect(await compile(broken)).to.match(/^\S+uniform\.ts\(\d+,\d+\): error TS\d+: .*pacedByRate\b/);
  });
});
