/** What a run was asked to hold, and what became of it. Pure. */
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { Run } from "../../gen/assay/controller/v1/controller_pb.js";
import { Verdict } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { PhaseSummary, SummarizeRecordsResponse } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { foundOf } from "../../report/objectives.ts";
import { harmless } from "../../report/text.ts";
import { exitCodes } from "./exit-codes.ts";

/** What the command line asks for; objectives are the run's own. */
export interface ChecksAsked {
  /** Largest share of measured requests that may fail; undefined: what the run says, or `usualFailedShare`. */
  readonly failedRequestThreshold: number | undefined;
  readonly isValidRequired: boolean;
}

export interface Check {
  readonly name: string;
  /** What was found instead; undefined: it holds. */
  readonly problem: string | undefined;
  /** Of the program, where there is a problem. */
  readonly exitCode: number;
}

/** Of a completed run: what weighs most comes first. */
export function checksOf(run: Run, summary: SummarizeRecordsResponse, asked: ChecksAsked): Check[] {
  return [...failureChecks(run, summary, asked), ...objectiveChecks(summary), ...validityChecks(summary, asked)];
}

/** Share of failed requests beyond which a run's figures are not those of the load that was asked for, whatever nobody said of it. */
export const usualFailedShare = 0.1;

/** Why a phase stopped whose requests failed too often (`PhaseProgress.stop_reason`). */
const endedByFailures = "failed_request_share";

function failureChecks(run: Run, { phases }: SummarizeRecordsResponse, { failedRequestThreshold: most }: ChecksAsked): Check[] {
  const { failed, all } = failuresOf(phases);
  const isSaid = run.spec?.phases.some(({ stop }) => stop?.failedRequestShare !== undefined) === true;
  const bound = most ?? (isSaid ? "what the run allows" : usualFailedShare);
  const check = (problem: string | undefined): Check[] => [
    { name: `failed requests: a share of at most ${bound}`, problem, exitCode: exitCodes.tooManyFailed },
  ];
  const early = run.phases.find(({ stopReason }) => stopReason === endedByFailures);
  if (early !== undefined) {
    const end = `${failed} of ${all} did in the end`;
    return check(`phase ${early.name} was ended early: too many of its requests failed; ${end}`);
  }
  const share = all === 0 ? 0 : failed / all;
  const shown = `${failed} of ${all} requests failed (${percent(share)}), more than`;
  if (most !== undefined) return check(share <= most ? undefined : `${shown} --failed-request-threshold ${most} allows`);
  // Who has not asked for a bound is not told of one that holds.
  if (isSaid || share <= usualFailedShare) return [];
  return check(`${shown} the ${percent(usualFailedShare)} that a run may have without --failed-request-threshold`);
}

function objectiveChecks({ phases }: SummarizeRecordsResponse): Check[] {
  const isNamed = phases.filter(({ objectives }) => objectives.length > 0).length > 1;
  return phases.flatMap(({ name, objectives }) =>
    objectives.map((outcome): Check => {
      const text = harmless(outcome.text);
      const where = isNamed ? ` in phase ${harmless(name)}` : "";
      return {
        name: `${text}${where}`,
        problem: outcome.isKept ? undefined : `objective missed${where}: ${text} (${foundOf(outcome)})`,
        exitCode: exitCodes.unmet,
      };
    }),
  );
}

function validityChecks({ verdict }: SummarizeRecordsResponse, { isValidRequired }: ChecksAsked): Check[] {
  if (!isValidRequired) return [];
  const found = (Verdict[verdict?.verdict ?? 0] ?? "unknown").toLowerCase();
  const problem = verdict?.verdict === Verdict.VALID ? undefined : `the client is ${found}, and --require-valid was given`;
  return [{ name: "the client is valid", problem, exitCode: exitCodes.unmet }];
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
