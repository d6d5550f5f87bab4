/** What goes into a run's file beside its records. Times `…Ns` are suite time, `…WallNs` count from the Unix epoch. */

export type PhaseKind = "warmup" | "profiling";

export interface PhaseHeader {
  /** Index, as in records; dense from 0. */
  readonly phase: number;
  readonly name: string;
  /** Only `profiling` phases are measured. */
  readonly kind: PhaseKind;
  /** Credits with a due time may wait for a slot: that wait is the target's doing and not counted against the client. */
  readonly hasCeiling: boolean;
}

export interface RunHeader {
  readonly runId: string;
  /** The effective spec as JSON, secrets masked. */
  readonly spec: string;
  readonly createdWallNs: number;
  /** Wall time minus suite time. */
  readonly suiteWallOffsetNs: number;
  /** Name → version of the software that ran: `assay` with its `commit`, `node`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly phases: readonly PhaseHeader[];
  /** Records-managers that have files of rows beside this one. Default: 0. */
  readonly otherShards?: number;
}

/**
 * Where the drawn credits of a phase ended, each class disjoint:
 * `drawn = unused + dropped + succeeded + errored + cancelled + missingRecord + missingLost + unaccounted`.
 */
export interface PhaseCounts {
  readonly drawn: number;
  readonly unused: number;
  readonly dropped: number;
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  /** Sent, but no record came in time. */
  readonly missingRecord: number;
  /** Its worker was lost, and no record came in time. */
  readonly missingLost: number;
  /** Neither a row nor a known end: only where timing died before it gave its account. */
  readonly unaccounted: number;
}

export interface RunEnd {
  readonly state: "COMPLETED" | "FAILED" | "CANCELLED";
  readonly reason?: string;
  readonly wasCancelled: boolean;
  readonly verdict?: "valid" | "suspect" | "invalid";
  readonly verdictReasons?: readonly string[];
  readonly endedWallNs: number;
}

/** What a worker reports about itself twice a second. NaN: not known. */
export interface WorkerUsage {
  readonly workerId: string;
  readonly ns: number;
  /** Share of the second in which the event loop was busy, 0 to 1. */
  readonly loopUtilisation: number;
  readonly loopDelayP99Ns: number;
  readonly loopDelayMaxNs: number;
  /** Spent in garbage collection, in how many pauses, and the longest of them. */
  readonly gcNs: number;
  readonly gcCount: number;
  readonly gcMaxNs: number;
  /** CPU time over elapsed time; above 1 where threads run beside the loop. */
  readonly cpuRatio: number;
  readonly rssBytes: number;
  readonly openFds: number;
  readonly maxFds: number;
  readonly inFlight: number;
  readonly outboxBytes: number;
  /** Connections to targets: open now; opened, and found closed by the target before they were used again, since the run began. */
  readonly connections: number;
  readonly openedConnections: number;
  readonly replacedConnections: number;
}

/** Event kinds that the client's verdict counts; each event is one occurrence. */
export const FENCED_OVERRUN_EVENT = "fenced_overrun";
export const PROTOCOL_VIOLATION_EVENT = "protocol_violation";
export const OUTBOX_FULL_EVENT = "outbox_full";
/** The load of the phase that ran then was changed: it is no more what the spec says. */
export const LOAD_CHANGED_EVENT = "load_changed";
/** Kind of the event that says what the prompts of a run share. */
export const PREFIXES_EVENT = "dataset_prefixes";

export interface MemberRow {
  readonly memberId: string;
  /** Name of its host. */
  readonly host: string;
  readonly services: readonly string[];
  readonly pid: number;
  readonly cores: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  /** Undefined: not measured. */
  readonly clock: MemberClock | undefined;
}

/** A clock against suite time. */
export interface MemberClock {
  /** Suite time minus the member's. */
  readonly offsetNs: number;
  readonly uncertaintyNs: number;
  readonly driftPpm: number;
}

export interface EventRow {
  readonly ns: number;
  readonly service: string;
  /** Lower snake case. */
  readonly kind: string;
  readonly message: string;
  /** JSON. */
  readonly detail?: string;
}
