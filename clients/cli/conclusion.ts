/** The end of a run: its files, its figures, its exit code. */
import { join } from "node:path";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { SummarizeRecordsResponse } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../report/paint.ts";
import { type Report, reportLines } from "../../report/report.ts";
import { harmless } from "../../report/text.ts";
import { messageOf } from "../../services/common/errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { filesIn, writeFiles } from "./run-files.ts";
import type { SuiteClient } from "./suite-client.ts";
import { summaryJson } from "./summary-json.ts";
import type { Terminal } from "./terminal.ts";

export interface ConclusionOptions {
  readonly terminal: Terminal;
  /** Secrets masked. */
  readonly cliCommand: string;
  readonly isJson: boolean;
  /** The suite writes on this host. */
  readonly isLocal: boolean;
  /** Absolute; where files of a suite elsewhere go. Default: `artifacts/<name of the run>`. */
  readonly artifactDir: string | undefined;
  readonly isInterrupted: boolean;
  /** Ends the fetching of files. */
  readonly signal: AbortSignal;
  /** A complaint, on stderr. */
  readonly say: (text: string) => void;
}

/** Writes the results to stdout, why there are none to stderr, and gives the exit code. Throws nothing. */
export async function conclude(client: SuiteClient, run: Run, options: ConclusionOptions): Promise<number> {
  const { terminal, say } = options;
  const [summary, written] = await Promise.all([summaryOf(client, run, say), filesOf(client, run, options)]);
  const report = summary === undefined ? undefined : ({ run, summary, ...written } satisfies Report);
  if (report !== undefined && options.isJson) terminal.out(`${JSON.stringify(summaryJson(report), null, 2)}\n`);
  if (report !== undefined && !options.isJson) {
    const lines = reportLines(report, { width: terminal.width, paint: createPaint(terminal.hasColour) });
    terminal.out(lines.map((line) => `${line}\n`).join(""));
  }
  if (report === undefined && written.folder !== undefined) say(`what was recorded is in ${written.folder}`);
  return exitCodeOf(run, summary, options);
}

async function summaryOf(
  client: SuiteClient,
  { runId }: Run,
  say: (text: string) => void,
): Promise<SummarizeRecordsResponse | undefined> {
  try {
    return await client.summarize(runId);
  } catch (error) {
    say(`there is no summary: ${messageOf(error)}`);
    return undefined;
  }
}

async function filesOf(
  client: SuiteClient,
  run: Run,
  { isLocal, artifactDir, terminal, cliCommand, signal, say }: ConclusionOptions,
): Promise<{ folder: string | undefined; files: readonly string[] }> {
  if (isLocal) return { folder: run.folder === "" ? undefined : run.folder, files: await filesIn(run.folder) };
  const folder = artifactDir ?? join(terminal.cwd, "artifacts", folderName(run));
  try {
    const files = await writeFiles(folder, client.exportRun(run.runId, cliCommand, signal));
    return { folder: files.length === 0 ? undefined : folder, files };
  } catch (error) {
    say(`fetching the files of the run: ${messageOf(error)}`);
    return { folder: undefined, files: [] };
  }
}

/** A name from elsewhere as one folder. */
function folderName({ spec, runId }: Run): string {
  const name = (spec?.name ?? "").replaceAll(/[^\w.+@=-]+/g, "_").replace(/^\.+/, "");
  return name === "" ? runId : name;
}

function exitCodeOf(
  { state, reason }: Run,
  summary: SummarizeRecordsResponse | undefined,
  { isInterrupted, say }: ConclusionOptions,
): number {
  switch (state) {
    case RunState.COMPLETED:
      if (summary === undefined) return exitCodes.failed;
      if (hasSuccess(summary)) return exitCodes.ok;
      say("no measured request succeeded");
      return exitCodes.failed;
    case RunState.CANCELLED:
      if (isInterrupted) return exitCodes.interrupted;
      say(`the run was cancelled${reason === "" ? "" : `: ${harmless(reason)}`}`);
      return exitCodes.failed;
    default:
      say(`the run failed: ${harmless(reason)}`);
      return isInterrupted ? exitCodes.interrupted : exitCodes.failed;
  }
}

/** Of a run without measured phases, any request counts. */
function hasSuccess({ phases }: SummarizeRecordsResponse): boolean {
  const measured = phases.filter(({ kind }) => kind === PhaseKind.PROFILING);
  return (measured.length > 0 ? measured : phases).some(({ identity }) => (identity?.succeeded ?? 0n) > 0n);
}
