/** Files of which nobody ever sees a part. */
import { randomBytes } from "node:crypto";
import { chmodSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Writes a file beside its place and moves it there. Throws what the file system throws, with nothing left behind. */
export function writeWhole(path: string, text: string, mode: number): void {
  const unfinished = `${path}.${randomBytes(4).toString("hex")}.new`;
  try {
    writeFileSync(unfinished, text, { mode, flag: "wx" });
    chmodSync(unfinished, mode);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
