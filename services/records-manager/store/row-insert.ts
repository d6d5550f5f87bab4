/**
 * Inserts rows without their NULLs. Most of what an insert costs is the binding of its values, and a third of the columns are NULL in
 * most rows: a statement for each set of columns that really occurs names these alone.
 */
import type { SqliteDatabase, SqliteStatement } from "../../common/sqlite.ts";

/** Sets of columns with a statement of their own: a run has few. Further rows are inserted whole. */
const maxShapes = 16;

interface Shape {
  readonly isNull: readonly boolean[];
  readonly statement: SqliteStatement;
  /** Filled again for every row. */
  readonly values: unknown[];
}

export class RowInserter {
  readonly #db: SqliteDatabase;
  readonly #columns: readonly string[];
  /** The latest first. */
  readonly #shapes: Shape[] = [];
  readonly #whole: Shape;

  /** The first column is the key, which is never NULL. `columns` are SQL. */
  constructor(db: SqliteDatabase, columns: readonly string[]) {
    this.#db = db;
    this.#columns = columns;
    this.#whole = this.#shapeOf(columns.map(() => false));
  }

  /** Inserts a row of all columns; null: no value. False, nothing changed: its key is there. */
  insert(row: readonly unknown[]): boolean {
    const { isNull, statement, values } = this.#shapeFor(row);
    let at = 0;
    for (let index = 0; index < row.length; index++) {
      if (isNull[index] === false) values[at++] = row[index];
    }
    // Spread: as one array they would be read back one by one from C++, at twice the cost.
    return statement.run(...values).changes > 0;
  }

  #shapeFor(row: readonly unknown[]): Shape {
    const shapes = this.#shapes;
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index] as Shape;
      if (!fits(shape, row)) continue;
      if (index > 0) shapes.unshift(...shapes.splice(index, 1));
      return shape;
    }
    if (shapes.length === maxShapes) return this.#whole;
    const shape = this.#shapeOf(row.map((value) => value === null));
    shapes.unshift(shape);
    return shape;
  }

  #shapeOf(isNull: readonly boolean[]): Shape {
    const columns = this.#columns.filter((_, index) => isNull[index] === false);
    const places = columns.map(() => "?").join(", ");
    const sql = `INSERT INTO requests (${columns.join(", ")}) VALUES (${places}) ON CONFLICT (credit_id) DO NOTHING`;
    return { isNull, statement: this.#db.prepare<unknown[]>(sql), values: columns.map(() => null) };
  }
}

function fits({ isNull }: Shape, row: readonly unknown[]): boolean {
  for (let index = 0; index < row.length; index++) {
    if ((row[index] === null) !== isNull[index]) return false;
  }
  return true;
}
