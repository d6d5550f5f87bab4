/** `assay runs recover FOLDER`: finishes a run whose processes were all killed, from its file alone. Prints what was saved. */
import { messageOf } from "./common/errors.ts";

/** Exit code: 0 recovered or whole already, 1 failed. */
export async function recover([folder = "", reason = "its processes were killed"]: readonly string[]): Promise<number> {
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
    process.stderr.write(`assay runs recover: ${messageOf(error)}\n`);
    return 1;
  }
}
