/** A filter as it was written, as a condition on the rows of one run. */

import { AssayError } from "../common/errors.ts";
import { shownProblem } from "../common/text-cursor.ts";
import { readFilter } from "./core/filter.ts";
import { filterSql, type SqlCondition } from "./core/filter-sql.ts";
import { targetLabels } from "./core/target-endpoint.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Throws `invalid_argument` for one that cannot be read, with a caret under what does not fit. */
export function conditionOf(reader: RunReader, text: string): SqlCondition {
  const read = readFilter(text);
  if ("problem" in read) throw new AssayError("invalid_argument", `filter: ${shownProblem(text, read.problem)}`);
  return filterSql(read.filter, {
    hasColumn: (column) => reader.hasColumn(column),
    targetLabels: targetLabels(reader.run().spec),
  });
}
