import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readablePath } from "../../../services/dataset/readable-path.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a path that a client names", () => {
  let base: string;
  let root: string;
  beforeEach(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), "assay-readable-")));
    root = join(base, "below");
    await mkdir(join(root, "inner"), { recursive: true });
    await mkdir(join(base, "below-beside"));
    for (const file of ["secret", "below-beside/secret", "below/inner/file", "below/..file", "below/a\\..\\b"])
      await writeFile(join(base, file), "x");
    await symlink(join(base, "secret"), join(root, "link"));
    await symlink(base, join(root, "up"));
    await symlink("inner/file", join(root, "within"));
    await symlink("loop", join(root, "loop"));
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  const read = (path: string) => readablePath(path.replace("ROOT", root).replace("BASE", base), root, "dataset.file.path");

  for (const [path, code] of [
    ["ROOT/../secret", "permission_denied"],
    ["ROOT/inner/../../secret", "permission_denied"],
    ["BASE/secret", "permission_denied"],
    ["BASE/below-beside/secret", "permission_denied"],
    ["/etc/passwd", "permission_denied"],
    ["etc/passwd", "permission_denied"],
    ["..", "permission_denied"],
    ["", "permission_denied"],
    ["ROOT/link", "permission_denied"],
    ["ROOT/up/secret", "permission_denied"],
    ["ROOT/up/below-beside/secret", "permission_denied"],
    ["ROOT/..\\secret", "not_found"],
    ["ROOT/inner\\file", "not_found"],
    ["C:\\windows\\win.ini", "permission_denied"],
    ["ROOT/inner/file\0.png", "invalid_argument"],
    ["ROOT/loop", "invalid_argument"],
    ["ROOT/inner/file/..", "not_found"],
  ] as const) {
    it(`is refused with ${code}: ${JSON.stringify(path)}`, async () => {
      expect(await failureOf(read(path))).to.include({ code });
    });
  }

  for (const path of [
    "ROOT/inner/file",
    "ROOT/inner/../inner/file",
    "ROOT/within",
    "ROOT/..file",
    "ROOT/a\\..\\b",
    "ROOT/up/below/inner/file",
  ]) {
    it(`is read where it leads below the folder: ${JSON.stringify(path)}`, async () => {
      expect(await read(path)).to.match(/^.*\/below\/(inner\/file|\.\.file|a\\\.\.\\b)$/);
    });
  }
});
