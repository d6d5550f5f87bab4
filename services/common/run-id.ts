/** Ids of runs. */
import { randomBytes } from "node:crypto";

/** Sortable by time, and unique: `20261124-153012-1f3a5b`. */
export function newRunId(): string {
  const now = new Date().toISOString();
  return `${now.slice(0, 10).replaceAll("-", "")}-${now.slice(11, 19).replaceAll(":", "")}-${randomBytes(3).toString("hex")}`;
}
