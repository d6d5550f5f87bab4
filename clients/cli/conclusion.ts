/** The end of a run: its files, its figures, its exit code. */
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { Verdict } from "../../gen/assay/records_manager/v1/record_pb.js";
import {
  type PhaseSummary,
  type SummarizeRecordsResponse,
  SummarizeRecordsResponseSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../report/paint.ts";
import { type Report, reportLines } from "../../report/report.ts";
import { harmless } from "../../report/text.ts";
import { messageOf } from "../../services/common/errors.ts";
import { hintAtDoctor } from "./doctor-hint.ts";
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
  /** Nothing is said that was not asked for. */
  readonly isQuiet: boolean;
  /** The suite writes on this host. */
  readonly isLocal: boolean;
  /** Absolute; where files of a suite elsewhere go. Default: `artifacts/<name of the run>`. */
  readonly artifactDir: string | undefined;
  readonly isInterrupted: boolean;
  /** Largest share of measured requests that may fail; undefined: any. */
  readonly failedRequestThreshold: number | undefined;
  readonly isValidRequired: boolean;
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
    ? await Promise.all([summaryOf(client, run, say), filesOf(client, run, options)])
    : [create(SummarizeRecordsResponseSchema), { folder: undefined, files: [] }];
  const report = summary === undefined ? undefined : ({ run, summary, ...written } satisfies Report);
  if (report !== undefined && isJson) terminal.out(`${JSON.stringify(summaryJson(report), null, 2)}\n`);
  if (report !== undefined && !isJson && hasBegun) {
    const lines = reportLines(report, { width: terminal.width, paint: createPaint(terminal.hasColour) });
    terminal.out(lines.map((line) => `${line}\n`).join(""));
    if (report.summary.hostFloor === undefined && options.isLocal && !options.isQuiet) hintAtDoctor(terminal);
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
      return isInterrupted ? exitCodes.interrupted : exitCodes.failed;
  }
}

/** Why a phase stopped whose requests failed too often (`PhaseProgress.stop_reason`). */
const endedByFailures = "failed_request_share";

/** What a completed run was asked to hold beside. */
function verdictOf(
  run: Run,
  { phases, verdict }: SummarizeRecordsResponse,
  { failedRequestThreshold, isValidRequired, say }: ConclusionOptions,
): number {
  const { failed, all } = failuresOf(phases);
  const early = run.phases.find(({ stopReason }) => stopReason === endedByFailures);
  if (early !== undefined) {
    say(`phase ${early.name} was ended early: too many of its requests failed; ${failed} of ${all} did in the end`);
    return exitCodes.tooManyFailed;
  }
  if (failedRequestThreshold !== undefined && all > 0 && failed / all > failedRequestThreshold) {
    const share = `${failed} of ${all} requests failed (${percent(failed / all)})`;
    say(`${share}, more than --failed-request-threshold ${failedRequestThreshold} allows`);
    return exitCodes.tooManyFailed;
  }
  if (isValidRequired && verdict?.verdict !== Verdict.VALID) {
    say(`the client is ${(Verdict[verdict?.verdict ?? 0] ?? "unknown").toLowerCase()}, and --require-valid was given`);
    return exitCodes.unmet;
  }
  return exitCodes.ok;
}

/** Of measured requests, those that succeeded and those that failed; of a run without measured phases, any request counts. */
function failuresOf(phases: readonly PhaseSummary[]): { failed: number; all: number } {
  const measured = phases.filter(({ kind }) => kind === PhaseKind.PROFILING);
  const identities = (measured.length > 0 ? measured : phases).map(({ identity }) => identity);
  const failed = identities.reduce((sum, identity) => sum + Number(identity?.errored ?? 0n), 0);
  return { failed, all: identities.reduce((sum, identity) => sum + Number(identity?.succeeded ?? 0n), failed) };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
