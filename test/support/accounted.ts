/** A run's file held against the log of the server that it measured. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import type { LoggedTarget } from "./logged-target.ts";
import { expectReconciled, type RunFile, runFile } from "./suite.ts";

/**
 * Fails where the accounts of a run do not add up, or where the server's log contradicts them: a request that came twice, more than
 * `asked`, a row with an answer to a request that never came, or more requests without a row than are missing. Returns what the file says.
 */
export function expectAccounted(folder: string, target: Pick<LoggedTarget, "received" | "stats">, asked = Infinity): RunFile {
  const file = runFile(folder);
  expectReconciled(file, target.stats());
  const received = new Set(target.received);
  expect(target.received.length, "requests that came, and came once").to.equal(received.size);
  expect(received.size, "requests that came, of those asked for").to.be.at.most(asked);
  const rows = rowsOf(folder);
  const unheard = rows.filter(({ id, isAnswered }) => isAnswered && !received.has(id)).map(({ id }) => id);
  expect(unheard, "rows with an answer to a request that never came").to.deep.equal([]);
  const known = new Set(rows.map(({ id }) => id));
  const unknown = [...received].filter((id) => !known.has(id));
  // What an account that never came would have told, nobody knows.
  if (file.phases.every((phase) => phase.is_account_complete === 1)) {
    // A late record is kept apart, without the id of its request.
    const missing = file.phases.reduce((sum, phase) => sum + phase.missing_record + phase.missing_lost, file.late);
    expect(unknown.length, "requests that came and have no row").to.be.at.most(missing);
  }
  return file;
}

function rowsOf(folder: string): { readonly id: string; readonly isAnswered: boolean }[] {
  const db = new Database(join(folder, "run.db"), { readonly: true });
  try {
    const rows = db.prepare("SELECT request_id id, status FROM requests").all();
    return (rows as { id: string; status: number | null }[]).map(({ id, status }) => ({ id, isAnswered: (status ?? 0) > 0 }));
  } finally {
    db.close();
  }
}
