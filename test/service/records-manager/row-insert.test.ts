import Database from "better-sqlite3";
import { expect } from "chai";
import fc from "fast-check";
import { RowInserter } from "../../../services/records-manager/store/row-insert.ts";

const columns = ["credit_id", "a", "b", "c", "d", "e"];

describe("row inserter", () => {
  let db: Database.Database;
  let rows: RowInserter;

  beforeEach(() => {
    db = new Database(":memory:");
    db.exec("CREATE TABLE requests (credit_id INTEGER PRIMARY KEY, a REAL, b TEXT, c BLOB, d INTEGER, e REAL) STRICT");
    rows = new RowInserter(db, columns);
  });
  afterEach(() => db.close());

  const stored = () => db.prepare("SELECT * FROM requests ORDER BY credit_id").raw().all();

  it("stores every row as it is, whichever of its columns are NULL", () => {
    const maybe = (value: unknown) => fc.constantFrom(value, null);
    const row = fc.tuple(maybe(0), maybe(""), maybe(Buffer.from([1])), maybe(7), maybe(1.5));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (values) => {
        db.exec("DELETE FROM requests");
        const given = values.map((each, index) => [index + 1, ...each]);
        for (const each of given) rows.insert(each);
        rows.flush();
        expect(stored()).to.deep.equal(given);
      }),
    );
  });

  it("stores them once, however often it is told to, between rows or after none", () => {
    for (let id = 1; id <= 20; id++) {
      rows.insert([id, id, null, null, null, null]);
      if (id % 7 === 0) rows.flush();
    }
    rows.flush();
    rows.flush();
    expect(stored()).to.deep.equal(Array.from({ length: 20 }, (_, index) => [index + 1, index + 1, null, null, null, null]));
  });

  it("fails where a key is there", () => {
    rows.insert([1, 2.5, null, null, null, null]);
    rows.flush();
    rows.insert([1, 2.5, null, null, null, null]);
    expect(() => rows.flush()).to.throw(/UNIQUE/);
  });
});
