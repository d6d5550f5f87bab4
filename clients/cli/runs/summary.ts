/** `assay runs summary RUN`: the tables of a run, as `assay run` printed them. */

import { createPaint } from "../../../report/paint.ts";
import { reportLines } from "../../../report/report.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { filesIn } from "../run-files.ts";
import { summaryJson } from "../summary-json.ts";
import type { runsSummaryFlags } from "./flags.ts";
import { findRun, withSuite } from "./session.ts";

export async function runsSummary(asked: Asked<typeof runsSummaryFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  return withSuite(asked, async ({ client }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const summary = await client.summarize(run.runId, options.phase, {
      definitions: options.definitions,
      withIntervals: options.confidence,
    });
    const isLocal = options.controller === undefined;
    const report = {
      run,
      summary,
      folder: isLocal ? run.folder : undefined,
      files: isLocal ? await filesIn(run.folder) : [],
    };
    const lines = options.json
      ? [JSON.stringify(summaryJson(report), null, 2)]
      : reportLines(report, { width: terminal.width, paint: createPaint(terminal.hasColour) });
    terminal.out(lines.map((line) => `${line}\n`).join(""));
    return exitCodes.ok;
  });
}
