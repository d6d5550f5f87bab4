/** `assay runs delete RUN…`. */
import { AssayError } from "../../../services/common/errors.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { isOfReach } from "../suite-failure.ts";
import type { runsDeleteFlags } from "./flags.ts";
import { findRun, withSuite } from "./session.ts";

/** Removes what can be removed; one that cannot is told and makes the exit code 1. */
export async function runsDelete(asked: Asked<typeof runsDeleteFlags>): Promise<number> {
  const { options, operands, name, terminal } = asked;
  return withSuite(asked, async ({ client, signal }) => {
    let code: number = exitCodes.ok;
    for (const operand of operands) {
      if (signal.aborted) return exitCodes.interrupted;
      try {
        const { runId, folder } = await findRun(client, operand, terminal.cwd);
        await client.deleteRun(runId);
        if (!options.quiet) terminal.out(`deleted ${runId} (${folder})\n`);
      } catch (error) {
        if (!(error instanceof AssayError) || isOfReach(error)) throw error;
        terminal.err(`${name}: ${error.message.includes(operand) ? "" : `${operand}: `}${error.message}\n`);
        code = exitCodes.failed;
      }
    }
    return code;
  });
}
