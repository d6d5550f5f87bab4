/** `assay recover FOLDER`: finishes a run whose processes were all killed, from its file alone. Prints what was saved. */
import { messageOf } from "./common/errors.ts";

/** Exit code: 0 recovered or whole already, 1 failed, 2 wrong arguments. */
export async function recover(argv: readonly string[]): Promise<number> {
  const [folder, reason = "its processes were killed"] = argv;
  if (folder === undefined || folder.startsWith("-") || argv.length > 2) {
    process.stderr.write("usage: assay recover FOLDER [REASON]\n");
    return 2;
  }
  const { recoverRun } = await import("./records-manager/recover.ts");
  const { exportRun } = await import("./records-manager/exports/export-run.ts");
  try {
    const { isRecovered, summary } = recoverRun(folder, reason);
    exportRun({ folder });
    const phases = summary.phases.map(
      ({ name, counts }) => `${name}: ${counts.succeeded} succeeded, ${counts.errored} errored, ${counts.cancelled} cancelled`,
    );
    process.stdout.write(
      `${isRecovered ? "recovered" : "whole already"}: run ${summary.runId}, ${summary.state}; ${phases.join("; ")}\n`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`assay recover: ${messageOf(error)}\n`);
    return 1;
  }
}
