/** Tells a person of `assay doctor`, once. */
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Terminal } from "./terminal.ts";

/** On a terminal's stderr, the first time that this person's data folder can remember it. */
export function hintAtDoctor({ env, err, isErrTty }: Pick<Terminal, "env" | "err" | "isErrTty">): void {
  if (!isErrTty || !isFirst(join(env.XDG_DATA_HOME || join(env.HOME || homedir(), ".local", "share"), "assay"))) return;
  err("hint: assay doctor measures in 20 s how good figures from this machine can be; later runs print it beside theirs\n");
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "doctor.hinted"), "", { flag: "wx" });
    return true;
  } catch {
    // It was said before, or would be said each time.
    return false;
  }
}
