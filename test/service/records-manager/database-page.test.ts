import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { RunCatalog } from "../../../services/controller/catalog.ts";
import { METRIC_TAGS } from "../../unit/records-manager/records.ts";
import { createStore, type RunFolder, temporaryFolder } from "./run-fixture.ts";

const page = readFileSync(new URL("../../../docs/database.md", import.meta.url), "utf8");

/** What a part of the page says of each table: `column` or `column TYPE`, in order. */
function documented(heading: string): Map<string, string[]> {
  const [, part = ""] = page.split(`\n## ${heading}\n`);
  const tables = part.split("\n## ")[0]?.split("\n### ").slice(1) ?? [];
  return new Map(
    tables.map((text) => {
      const rows = [...text.matchAll(/^\| `(\w+)`\s*\| (?:((?:INTEGER|REAL|TEXT|BLOB)(?: or NULL)?)\s*\| )?/gm)];
      return [
        /^`(\w+)`/.exec(text)?.[1] ?? "",
        rows.map(([, name = "", type]) => (type === undefined ? name : `${name} ${type}`)),
      ];
    }),
  );
}

interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

/** The same of a file. */
function present(file: string, type: "table" | "view"): Map<string, string[]> {
  const db = new Database(file, { readonly: true });
  try {
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = ?").pluck().all(type) as string[];
    return new Map(
      names.map((name) => {
        const columns = db.pragma(`table_info(${name})`) as ColumnInfo[];
        const typed = (column: ColumnInfo) => `${column.name} ${column.type}${column.notnull || column.pk ? "" : " or NULL"}`;
        return [name, columns.map((column) => (type === "view" ? column.name : typed(column)))];
      }),
    );
  } finally {
    db.close();
  }
}

function expectSame(actual: ReadonlyMap<string, string[]>, expected: ReadonlyMap<string, string[]>): void {
  expect([...actual.keys()]).to.have.members([...expected.keys()]);
  for (const [name, columns] of expected) expect(actual.get(name), name).to.deep.equal(columns);
}

describe("the page about databases", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("has every table and view of a run's file with its columns, but for the metrics, which have a page of their own", () => {
    createStore(run.folder).close();
    const file = join(run.folder, "run.db");
    const tables = present(file, "table");
    const isMetric = (column: string): boolean => METRIC_TAGS.some((tag) => column === `${tag} REAL or NULL`);
    expect(tables.get("requests")?.filter(isMetric)).to.have.lengthOf(METRIC_TAGS.length);
    tables.set("requests", tables.get("requests")?.filter((column) => !isMetric(column)) ?? []);
    expectSame(documented("Tables of `run.db`"), tables);
    expectSame(documented("Views"), present(file, "view"));
  });

  it("has the catalog", () => {
    const file = join(run.folder, "catalog.db");
    RunCatalog.open(file).close();
    expectSame(documented("Tables of `catalog.db`"), present(file, "table"));
  });
});
