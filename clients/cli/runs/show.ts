/** `assay runs show RUN`. */
import type { Run } from "../../../gen/assay/controller/v1/controller_pb.js";
import type { SummarizeRecordsResponse } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { harmless, whole } from "../../../report/text.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { filesIn } from "../run-files.ts";
import type { SuiteClient } from "../suite-client.ts";
import { summaryJson } from "../summary-json.ts";
import type { runsShowFlags } from "./flags.ts";
import { durationOf, runJson, stateOf, wallTimeOf } from "./run-view.ts";
import { findRun, withSuite } from "./session.ts";

export async function runsShow(asked: Asked<typeof runsShowFlags>): Promise<number> {
  const { options, operands, terminal } = asked;
  return withSuite(asked, async ({ client }) => {
    const run = await findRun(client, operands[0] ?? "", terminal.cwd);
    const summary = await summaryIfAny(client, run.runId);
    // A folder of a suite elsewhere is not here to be looked into.
    const files = options.controller === undefined ? await filesIn(run.folder) : [];
    if (options.json) {
      const results = summary === undefined ? {} : summaryJson({ run, summary, folder: run.folder, files });
      terminal.out(`${JSON.stringify({ ...results, ...runJson(run) }, null, 2)}\n`);
    } else {
      terminal.out(showLines(run, summary, files).join(""));
    }
    return exitCodes.ok;
  });
}

/** A run that never began has no file to be summarised. */
async function summaryIfAny(client: SuiteClient, runId: string): Promise<SummarizeRecordsResponse | undefined> {
  try {
    return await client.summarize(runId);
  } catch (error) {
    if (error instanceof AssayError && error.code === "not_found") return undefined;
    throw error;
  }
}

function showLines(run: Run, summary: SummarizeRecordsResponse | undefined, files: readonly string[]): string[] {
  const rows: (readonly [label: string, text: string | undefined])[] = [
    ["Run", run.runId],
    ["Name", harmless(run.name)],
    ["State", stateOf(run)],
    ["Reason", run.reason === "" ? undefined : harmless(run.reason)],
    ["Created", wallTimeOf(run.createTime)],
    ["Started", wallTimeOf(run.startTime)],
    ["Ended", wallTimeOf(run.endTime)],
    ["Lasted", durationOf(run) === undefined ? undefined : `${durationOf(run)} s`],
    ...(summary?.phases ?? []).map(({ name, identity }) => {
      const { succeeded = 0n, errored = 0n, cancelled = 0n } = identity ?? {};
      return [
        `Phase ${name}`,
        `${whole(succeeded)} succeeded, ${whole(errored)} errored, ${whole(cancelled)} cancelled`,
      ] as const;
    }),
    ["Folder", harmless(run.folder)],
    ["Files", files.length === 0 ? undefined : files.join(", ")],
  ];
  const shown = rows.filter(([, text]) => text !== undefined && text !== "");
  const width = Math.max(...shown.map(([label]) => label.length)) + 2;
  return shown.map(([label, text]) => `${label.padEnd(width)}${text}\n`);
}
