/** The end of a run: its files, its figures, its exit code. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type SummarizeRecordsResponse,
  SummarizeRecordsResponseSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../report/paint.ts";
import { type Report, reportLines } from "../../report/report.ts";
import { harmless } from "../../report/text.ts";
import { messageOf } from "../../services/common/errors.ts";
import { checksOf } from "./checks.ts";
import { hintAtDoctor } from "./doctor-hint.ts";
import { exitCodes } from "./exit-codes.ts";
import { junitXml } from "./junit.ts";
import { filesIn, writeFiles } from "./run-files.ts";
import type { SuiteClient } from "./suite-client.ts";
import { summaryJson } from "./summary-json.ts";
import type { Terminal } from "./terminal.ts";

export interface ConclusionOptions {
  readonly terminal: Terminal;
  /** Secrets masked. */
  readonly cliCommand: string;
  readonly isJson: boolean;
  /** Nothing is said that was not asked for. */
  readonly isQuiet: boolean;
  /** The suite writes on this host. */
  readonly isLocal: boolean;
  /** Absolute; where files of a suite elsewhere go. Default: `artifacts/<name of the run>`. */
  readonly artifactDir: string | undefined;
  readonly isInterrupted: boolean;
  /** Largest share of measured requests that may fail; undefined: what the run says, or `usualFailedShare`. */
  readonly failedRequestThreshold: number | undefined;
  readonly isValidRequired: boolean;
  /** Tools by whose formulas figures are told, too. */
  readonly definitions: readonly string[] | undefined;
  /** Absolute; where the results of the checks go as JUnit XML. */
  readonly junitPath: string | undefined;
  /** Ends the fetching of files. */
  readonly signal: AbortSignal;
  /** A complaint, on stderr. */
  readonly say: (text: string) => void;
}

/** Writes the results to stdout, why there are none to stderr, and gives the exit code. Throws nothing. */
export async function conclude(client: SuiteClient, run: Run, options: ConclusionOptions): Promise<number> {
  const { terminal, say, isJson } = options;
  // A run that ended before its first request has no figures: what matters is why.
  const hasBegun = run.startTime !== undefined;
  const [summary, written] = hasBegun
    ? await Promise.all([summaryOf(client, run, options), filesOf(client, run, options)])
    : [create(SummarizeRecordsResponseSchema), { folder: undefined, files: [] }];
  const report = summary === undefined ? undefined : ({ run, summary, ...written } satisfies Report);
  if (report !== undefined && isJson) terminal.out(`${JSON.stringify(summaryJson(report), null, 2)}\n`);
  if (report !== undefined && !isJson && hasBegun) {
    const lines = reportLines(report, { width: terminal.width, paint: createPaint(terminal.hasColour) });
    terminal.out(lines.map((line) => `${line}\n`).join(""));
    if (report.summary.hostFloor === undefined && options.isLocal && !options.isQuiet) hintAtDoctor(terminal);
  }
  if (report === undefined && written.folder !== undefined) say(`what was recorded is in ${written.folder}`);
  const isReported = await writeReport(run, summary, options);
  const exitCode = exitCodeOf(run, summary, options);
  return exitCode === exitCodes.ok && !isReported ? exitCodes.failed : exitCode;
}

/** False: it could not be written, which is said. */
async function writeReport(
  run: Run,
  summary: SummarizeRecordsResponse | undefined,
  { junitPath, say, ...asked }: ConclusionOptions,
): Promise<boolean> {
  if (junitPath === undefined) return true;
  const checks = summary === undefined ? [] : checksOf(run, summary, asked);
  try {
    await writeFile(junitPath, junitXml(run, checks));
    return true;
  } catch (error) {
    say(`--junit ${junitPath}: ${messageOf(error)}`);
    return false;
  }
}

async function summaryOf(
  client: SuiteClient,
  { runId }: Run,
  { definitions, say }: ConclusionOptions,
): Promise<SummarizeRecordsResponse | undefined> {
  try {
    return await client.summarize(runId, "", { definitions });
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

function exitCodeOf(run: Run, summary: SummarizeRecordsResponse | undefined, options: ConclusionOptions): number {
  const { state, reason } = run;
  const { isInterrupted, say } = options;
  switch (state) {
    case RunState.COMPLETED:
      return summary === undefined ? exitCodes.failed : verdictOf(run, summary, options);
    case RunState.CANCELLED:
      if (isInterrupted) return exitCodes.interrupted;
      say(`the run was cancelled${reason === "" ? "" : `: ${harmless(reason)}`}`);
      return exitCodes.failed;
    default:
      say(`the run failed: ${harmless(reason)}`);
      if (isInterrupted) return exitCodes.interrupted;
      return run.isMisfit ? exitCodes.usage : exitCodes.failed;
  }
}

/** What a completed run was asked to hold: what was missed is said, the first of it decides. */
function verdictOf(run: Run, summary: SummarizeRecordsResponse, { say, ...asked }: ConclusionOptions): number {
  const missed = checksOf(run, summary, asked).filter(({ problem }) => problem !== undefined);
  for (const { problem = "" } of missed) say(problem);
  return missed[0]?.exitCode ?? exitCodes.ok;
}
