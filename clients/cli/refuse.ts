/** What is wrong with a command line, said before anything is started. */
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** One line each on stderr, then where to read on. Returns the exit code. */
export function refuse(terminal: Terminal, name: string, problems: readonly string[]): number {
  for (const problem of problems) terminal.err(`${name}: ${problem}\n`);
  terminal.err(name === "assay" ? "assay --help lists the commands\n" : `${name} --help lists the options\n`);
  return exitCodes.usage;
}
