import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { closeSqlite, openSqlite } from "../../../services/common/sqlite.ts";

const format = { what: "test file", applicationId: 7, migrations: ["CREATE TABLE rows (n INTEGER, text TEXT)"] };

/** Dies in the middle of a transaction of a file whose journal is no WAL, some of which is in the file already. */
const dying = `
  const db = new (require("better-sqlite3"))(process.argv[1]);
  db.pragma("cache_size = 2");
  db.exec("BEGIN IMMEDIATE");
  db.exec("UPDATE rows SET n = -n");
  process.kill(process.pid, "SIGKILL");
`;

describe("a file of SQLite", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "assay-sqlite-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("whose writer died while its journal was changed is read as it was before", () => {
    const path = join(folder, "test.db");
    const made = openSqlite(path, format, { mode: "create" });
    const insert = made.prepare("INSERT INTO rows VALUES (?, ?)");
    made.transaction(() => {
      for (let n = 1; n <= 1000; n++) insert.run(n, "x".repeat(500));
    })();
    closeSqlite(made);
    const { signal, stderr } = spawnSync(process.execPath, ["-e", dying, path], { encoding: "utf8" });
    expect(signal, stderr).to.equal("SIGKILL");
    expect(existsSync(`${path}-journal`), "a journal left behind").to.equal(true);
    const db = openSqlite(path, format, { mode: "read" });
    try {
      expect(db.prepare("SELECT min(n) least, max(n) most, count(*) count FROM rows").get()).to.deep.equal({
        least: 1,
        most: 1000,
        count: 1000,
      });
    } finally {
      db.close();
    }
  });
});
