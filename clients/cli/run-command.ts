/** `assay run`: from what was asked for to a run of it. */
import type { Asked } from "./asked.ts";
import { runFlags } from "./flags.ts";
import { outputProblem } from "./output-folder.ts";
import { ownCommand } from "./own-command.ts";
import { maskedCommand } from "./parse.ts";
import { refuse } from "./refuse.ts";
import { run } from "./run.ts";
import { readSources } from "./spec/run-sources.ts";

/** Exit code: see `commands.run`. */
export async function runCommand(asked: Asked<typeof runFlags>): Promise<number> {
  const { name, argv, terminal } = asked;
  const sources = await readSources(asked);
  if ("problems" in sources) return refuse(terminal, name, sources.problems);
  const unwritable = sources.options.controller === undefined ? await outputProblem(sources) : undefined;
  if (unwritable !== undefined) return refuse(terminal, name, [unwritable]);
  return run(sources, {
    terminal,
    name,
    command: ownCommand(),
    cliCommand: `${name} ${maskedCommand(runFlags, argv)}`.trimEnd(),
  });
}
