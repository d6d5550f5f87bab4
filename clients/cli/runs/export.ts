/** `assay runs export RUN`: the files of a run, as they are or in the formats of other tools, wherever its suite is. */
import { resolve } from "node:path";
import type { ExportRunResponse } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeFile, writeFiles } from "../run-files.ts";
import type { Terminal } from "../terminal.ts";
import type { runsExportFlags } from "./flags.ts";
import { findRun, withSuite } from "./session.ts";

export async function runsExport(asked: Asked<typeof runsExportFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  return withSuite(asked, async ({ client, signal }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const { artifactDir, output, format, files, quiet } = options;
    const formats = format === undefined ? [] : [format];
    const parts = client.exportRun(run.runId, "", signal, { files: files ?? [], formats });
    if (output !== undefined) {
      const path = resolve(terminal.cwd, output);
      if (output === "-") await print(parts, terminal);
      else await writeFile(path, parts);
      if (!quiet && output !== "-") terminal.out(`${path}\n`);
      return exitCodes.ok;
    }
    const folder = resolve(terminal.cwd, artifactDir ?? run.runId);
    const written = await writeFiles(folder, parts);
    if (!quiet) terminal.out(`${folder}: ${written.join(", ")}\n`);
    return exitCodes.ok;
  });
}

/** As long as anybody reads. */
async function print(parts: AsyncIterable<ExportRunResponse>, terminal: Terminal): Promise<void> {
  for await (const { data } of parts) if (!(await terminal.outNext(data))) return;
}
