/** Rows of a run's file, but those of requests and telemetry, as what they mean. */
import type { UsageReading } from "../core/client-usage.ts";
import type { MemberRow, PhaseCounts, PhaseKind } from "../core/rows.ts";
import { type ServedModel, type ServedTimeName, timesOf } from "../core/served.ts";
import { closedPhaseFrom } from "./closed-phase.ts";

export interface RunRow {
  readonly runId: string;
  readonly spec: string;
  readonly state: string;
  readonly reason: string | undefined;
  readonly wasCancelled: boolean;
  readonly verdict: string | undefined;
  readonly verdictReasons: readonly string[];
  readonly createdWallNs: number;
  readonly startedWallNs: number | undefined;
  readonly endedWallNs: number | undefined;
  readonly suiteWallOffsetNs: number;
  readonly clockUncertaintyNs: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface PhaseRow {
  readonly phase: number;
  readonly name: string;
  readonly kind: PhaseKind;
  readonly hasCeiling: boolean;
  readonly startedNs: number | undefined;
  readonly endedNs: number | undefined;
  readonly isClosed: boolean;
  readonly isAccountComplete: boolean;
  /** Undefined until the phase is closed. */
  readonly counts: PhaseCounts | undefined;
  /** Turns never drawn, and requests that waited under a ceiling, by timing's account. */
  readonly abandoned: number;
  readonly queued: number;
  readonly late: number;
  readonly conflicts: number;
}

/** A row by its columns. */
export type Row = Readonly<Record<string, number | string | null>>;

/** A row of `run`. */
export function runOf(row: Row): RunRow {
  return {
    runId: String(row.run_id),
    spec: String(row.spec),
    state: String(row.state),
    reason: textOf(row.reason),
    wasCancelled: row.was_cancelled === 1,
    verdict: textOf(row.verdict),
    verdictReasons: typeof row.verdict_reasons === "string" ? (JSON.parse(row.verdict_reasons) as string[]) : [],
    createdWallNs: Number(row.created_wall_ns),
    startedWallNs: numberOf(row.started_wall_ns),
    endedWallNs: numberOf(row.ended_wall_ns),
    suiteWallOffsetNs: Number(row.suite_wall_offset_ns),
    clockUncertaintyNs: Number(row.clock_uncertainty_ns),
    versions: JSON.parse(String(row.versions)) as Record<string, string>,
  };
}

/** As `readingOf` takes them: in this order. */
export type UsageColumns = [workerId: string, ns: number, ...(number | null)[]];

/** A row of `worker_usage`. */
export function readingOf([workerId, ns, ...values]: UsageColumns): UsageReading {
  const at = (index: number): number => values[index] ?? Number.NaN;
  return {
    workerId,
    ns,
    loopUtilisation: at(0),
    loopDelayMaxNs: at(1),
    gcNs: at(2),
    gcCount: at(3),
    gcMaxNs: at(4),
    fdShare: at(5),
    openedConnections: at(6),
    replacedConnections: at(7),
    openFds: at(8),
    connections: at(9),
  };
}

/** A row of `phases`, with its `late` and `conflicts`. */
export function phaseOf(row: Row): PhaseRow {
  const isClosed = row.closed === 1;
  const closing = textOf(row.closing);
  const { abandoned = 0, queued = 0 } = closing === undefined ? {} : closedPhaseFrom(closing);
  return {
    phase: Number(row.phase),
    name: String(row.name),
    kind: row.kind === "warmup" ? "warmup" : "profiling",
    hasCeiling: row.has_ceiling === 1,
    startedNs: numberOf(row.started_ns),
    endedNs: numberOf(row.ended_ns),
    isClosed,
    isAccountComplete: row.is_account_complete === 1,
    counts: isClosed ? countsOf(row) : undefined,
    abandoned,
    queued,
    late: Number(row.late),
    conflicts: Number(row.conflicts),
  };
}

/** A row of `members`. */
export function memberOf(row: Row): MemberRow {
  const offsetNs = numberOf(row.clock_offset_ns);
  return {
    memberId: String(row.member_id),
    host: String(row.host),
    services: String(row.services).split(","),
    pid: Number(row.pid),
    cores: Number(row.cores),
    labels: JSON.parse(String(row.labels)) as Record<string, string>,
    version: String(row.version),
    clock:
      offsetNs === undefined
        ? undefined
        : { offsetNs, uncertaintyNs: Number(row.clock_uncertainty_ns), driftPpm: Number(row.clock_drift_ppm) },
  };
}

/** A row of `served_models`. */
export type ServedRow = Pick<ServedModel, "phase" | "server" | "model" | "version" | "inferences" | "executions"> &
  Readonly<Record<`${ServedTimeName}_count` | `${ServedTimeName}_ns`, number>> & { readonly batches: string };

/** What it says. */
export function servedOf({ phase, server, model, version, inferences, executions, batches, ...times }: ServedRow): ServedModel {
  return {
    phase,
    server,
    model,
    version,
    inferences,
    executions,
    times: timesOf((name) => ({ count: times[`${name}_count`], ns: times[`${name}_ns`] })),
    batches: (JSON.parse(batches) as [number, number, number][]).map(([size, executions, computeInferNs]) => ({
      size,
      executions,
      computeInferNs,
    })),
  };
}

function countsOf(row: Row): PhaseCounts {
  return {
    drawn: Number(row.drawn),
    unused: Number(row.unused),
    dropped: Number(row.dropped),
    succeeded: Number(row.succeeded),
    errored: Number(row.errored),
    cancelled: Number(row.cancelled),
    missingRecord: Number(row.missing_record),
    missingLost: Number(row.missing_lost),
    unaccounted: Number(row.unaccounted),
  };
}

function numberOf(value: number | string | null | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textOf(value: number | string | null | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
