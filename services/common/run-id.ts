/** Ids of runs. */
import { randomBytes } from "node:crypto";

/** Whether a text can be the id of a run, which is the name of its folder too. */
export function isRunId(text: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(text);
}

/** Sortable by time, and unique: `20261124-153012-1f3a5b`. */
export function newRunId(): string {
  const now = new Date().toISOString();
  return `${now.slice(0, 10).replaceAll("-", "")}-${now.slice(11, 19).replaceAll(":", "")}-${randomBytes(3).toString("hex")}`;
}
