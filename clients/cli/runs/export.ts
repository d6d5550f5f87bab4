/** `assay runs export RUN`: the files of a run, wherever its suite is. */
import { resolve } from "node:path";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeFiles } from "../run-files.ts";
import type { runsExportFlags } from "./flags.ts";
import { findRun, withSuite } from "./session.ts";

export async function runsExport(asked: Asked<typeof runsExportFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  return withSuite(asked, async ({ client, signal }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const folder = resolve(terminal.cwd, options.artifactDir ?? run.runId);
    const files = await writeFiles(folder, client.exportRun(run.runId, "", signal, options.files));
    if (!options.quiet) terminal.out(`${folder}: ${files.join(", ")}\n`);
    return exitCodes.ok;
  });
}
