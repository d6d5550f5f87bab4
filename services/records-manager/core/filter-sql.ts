/**
 * A filter as a condition over `requests`. Its SQL is put together of columns of the whitelist and of fixed words alone: what a user
 * wrote is in `parameters`, so that nothing of it can be taken for SQL. Pure.
 */
import type { Filter, FilterOperator } from "./filter.ts";
import { HOST_FIELD, type NameSource } from "./filter-fields.ts";

/** Name of the host that a row of `requests` came from, as an expression; NULL where nobody told it. */
const HOST_SQL = "(SELECT host FROM members WHERE member_id = worker_id)";

export interface SqlCondition {
  readonly sql: string;
  /** For the `?` of `sql`, in their order. */
  readonly parameters: readonly (number | string)[];
}

/** What the run's file says. */
export interface FilteredRun {
  /** Whether its `requests` has a column; of one that an older file lacks, no request has a value. */
  hasColumn(column: string): boolean;
  /** Names of the targets, in the order of the spec. */
  readonly targetLabels: readonly string[];
}

/** The condition is 1 or 0 for every row, never NULL: what a request has no value of is neither below nor above anything. */
export function filterSql(filter: Filter, run: FilteredRun): SqlCondition {
  switch (filter.is) {
    case "and":
    case "or": {
      const parts = filter.parts.map((part) => filterSql(part, run));
      const sql = parts.map((part) => part.sql).join(filter.is === "and" ? " AND " : " OR ");
      return { sql: `(${sql})`, parameters: parts.flatMap(({ parameters }) => parameters) };
    }
    case "not": {
      const { sql, parameters } = filterSql(filter.part, run);
      return { sql: `(NOT ${sql})`, parameters };
    }
    case "comparison":
      return comparisonSql(filter, run);
  }
}

/** A column of `requests` in SQL. Columns come from the whitelist of fields; quotes keep a tag from being a word of SQL. */
export function columnSql(column: string, run: Pick<FilteredRun, "hasColumn">): string {
  if (!run.hasColumn(column)) return "NULL";
  return column === HOST_FIELD ? HOST_SQL : `"${column}"`;
}

function comparisonSql({ field, operator, value }: Filter & { is: "comparison" }, run: FilteredRun): SqlCondition {
  const column = columnSql(field.column, run);
  if (value === undefined) {
    const empty = field.kind.is === "text" ? `ifnull(${column}, '') = ''` : `${column} IS NULL`;
    return { sql: operator === "=" ? `(${empty})` : `(NOT (${empty}))`, parameters: [] };
  }
  if (field.kind.is === "named" && typeof value === "string") return namedSql(column, field.kind.by, operator, value, run);
  if (typeof value === "string") return { sql: textSql(`ifnull(${column}, '')`, operator), parameters: [value] };
  const number = typeof value === "boolean" ? Number(value) : value;
  if (operator === "=" || operator === "!=") {
    return { sql: `(${column} ${operator === "=" ? "IS" : "IS NOT"} ?)`, parameters: [number] };
  }
  return { sql: `ifnull(${column} ${operator} ?, 0)`, parameters: [number] };
}

/** A text against a parameter: `=`, `!=` or `~`. */
function textSql(text: string, operator: FilterOperator): string {
  return operator === "~" ? `(instr(lower(${text}), lower(?)) > 0)` : `(${text} ${operator === "=" ? "=" : "<>"} ?)`;
}

/** What is named otherwise is neither: `!=` is of all that `=` is not. */
function namedSql(column: string, by: NameSource, operator: FilterOperator, name: string, run: FilteredRun): SqlCondition {
  const negation = operator === "!=" ? "NOT " : "";
  const sign = operator === "!=" ? "=" : operator;
  switch (by) {
    case "phases":
      return {
        sql: `(${column} ${negation}IN (SELECT phase FROM phases WHERE ${textSql("name", sign)}))`,
        parameters: [name],
      };
    case "conversations":
      return {
        sql: `(${column} ${negation}IN (SELECT conversation FROM conversations WHERE ${textSql("name", sign)}))`,
        parameters: [name],
      };
    case "targets": {
      const wanted = lowered(name);
      const isMeant = (label: string) => (sign === "~" ? lowered(label).includes(wanted) : label === name);
      const indices = run.targetLabels.flatMap((label, index) => (isMeant(label) ? [index] : []));
      return { sql: `(${column} ${negation}IN (${indices.map(() => "?").join(", ")}))`, parameters: indices };
    }
  }
}

/** As SQLite's `lower`. */
function lowered(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
