/** The summary of a run: what reports, tables and exports show. Plain data, so that it can cross to another thread. */
import type { Metric } from "../../../metrics/metric.ts";
import type { Objective } from "../../common/objective.ts";
import type { AskedLoad } from "./asked-load.ts";
import type { ClientUsage } from "./client-usage.ts";
import type { Intervals } from "./confidence.ts";
import type { HostSummary } from "./host-figures.ts";
import type { WorkloadNote } from "./notes.ts";
import type { ErrorDetail, ErrorGroup, FinishReason } from "./phase-figures.ts";
import type { PhaseCounts, PhaseKind } from "./rows.ts";
import type { SendFigures, Spans } from "./send-log.ts";
import type { ServedModel } from "./served.ts";
import type { Statistics } from "./statistics.ts";
import type { GpuUse } from "./telemetry/gpu-use.ts";
import type { SaidFigure } from "./telemetry/server-said.ts";
import type { Verdict, VerdictReason } from "./verdict-reason.ts";

/** What a figure needs to be shown; the rest of a metric is its formula. */
export type MetricHead = Pick<Metric, "tag" | "header" | "unit">;

export interface MetricStatistics extends MetricHead {
  /** In the metric's unit. */
  readonly statistics: Statistics;
  /** Only where they were asked for. */
  readonly intervals?: Intervals | undefined;
}

export interface MetricValue extends MetricHead {
  readonly value: number;
}

export interface ErrorSummary extends Omit<ErrorGroup, "target"> {
  /** Scheme, host, port and path that the example was sent to; empty where the spec does not tell. */
  readonly endpoint: string;
}

/** One of several targets over one phase. */
export interface TargetSummary {
  /** Index in the spec. */
  readonly index: number;
  readonly label: string;
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  /** Its part of the phase's succeeded requests, 0 to 1. */
  readonly throughputShare: number;
  /** Succeeded requests per second of the phase's benchmark duration. */
  readonly requestThroughput: number;
  /** Of its succeeded requests; those that have a value. */
  readonly metrics: readonly MetricStatistics[];
}

/** A request whose answer is not what was expected. */
export interface WrongAnswer {
  readonly conversation: number;
  readonly turn: number;
  /** Why. */
  readonly reason: string;
  /** Its first KiB. */
  readonly answer: string;
}

export interface PhaseSummary {
  readonly phase: number;
  readonly name: string;
  readonly kind: PhaseKind;
  /** False: the phase goes on, or nobody closed it; `counts` then tell of its rows alone. */
  readonly isClosed: boolean;
  readonly isAccountComplete: boolean;
  readonly counts: PhaseCounts;
  /** Turns never drawn because their sessions ended early. */
  readonly abandoned: number;
  /** Requests that waited for a place under a ceiling. */
  readonly queued: number;
  /** Records that came after the phase was closed, and records that no account vouches for; neither is in any figure. */
  readonly late: number;
  readonly conflicts: number;
  /** Wall time of the first send and of the last end of any request; undefined where there is no request. */
  readonly startWallNs: number | undefined;
  readonly endWallNs: number | undefined;
  /** Wall time at which the phase began, and at which its last credit was back; undefined where it never was so. */
  readonly beginWallNs: number | undefined;
  readonly finishWallNs: number | undefined;
  /** Record and list metrics that have a value, in the catalog's order. */
  readonly metrics: readonly MetricStatistics[];
  /** Metrics of the whole phase, in the catalog's order. */
  readonly runMetrics: readonly MetricValue[];
  readonly errors: readonly ErrorSummary[];
  /** The same, told apart by status and message. */
  readonly errorDetails: readonly ErrorDetail[];
  /** How the answers of succeeded requests ended, most frequent first. */
  readonly finishReasons: readonly FinishReason[];
  /** The first requests whose answers are not what was expected. */
  readonly wrongAnswers: readonly WrongAnswer[];
  /** Requests whose answers could not be checked. */
  readonly unchecked: number;
  readonly notes: readonly WorkloadNote[];
  /** Undefined: no request had a due time. */
  readonly lateness: Spans | undefined;
  readonly asked: AskedLoad;
  readonly sends: SendFigures;
  /** Undefined: none was found, or there were too few requests to look for one. */
  readonly steadyState: SteadyState | undefined;
  /** In the order of the spec; empty where the run has one target. */
  readonly targets: readonly TargetSummary[];
  /** By name; empty where the load came from one host, by the suite's own clock. */
  readonly hosts: readonly HostSummary[];
  /** What servers say that their models did meanwhile, those of the run first; empty: nothing. */
  readonly served: readonly ServedModel[];
  /** What servers' pages say of it in common words, beside what the client saw; empty: no page was scraped. */
  readonly said: readonly SaidFigure[];
  /** Those that were sampled while it went on. */
  readonly gpus: readonly GpuUse[];
  /** What the run is held to, in the order of the spec; empty for a warm-up. */
  readonly objectives: readonly ObjectiveOutcome[];
}

/** What became of one objective of the run. */
export interface ObjectiveOutcome {
  readonly objective: Objective;
  /** Of the metric. */
  readonly unit: string;
  /** In that unit; undefined: there is no such figure. */
  readonly value: number | undefined;
  readonly isKept: boolean;
}

/** The figures of a phase in its steady window alone. */
export interface SteadyState {
  /** The window, from the first send of the phase. */
  readonly startNs: number;
  readonly endNs: number;
  /** Requests sent in it, and requests in flight on average. */
  readonly sends: number;
  readonly inFlight: number;
  /** Of the requests sent in it and succeeded: times and output rates. */
  readonly metrics: readonly MetricStatistics[];
  /** Of the requests that ended in it, whenever sent, and succeeded: rates of requests and output tokens. */
  readonly runMetrics: readonly MetricValue[];
}

export interface ClientSummary {
  readonly verdict: Verdict;
  readonly reasons: readonly VerdictReason[];
  /** What the workers used while phases were measured. */
  readonly usage: ClientUsage;
  readonly clockUncertaintyNs: number;
}

export interface RunSummary {
  readonly runId: string;
  readonly state: string;
  readonly reason: string | undefined;
  readonly wasCancelled: boolean;
  readonly createdWallNs: number;
  readonly startedWallNs: number | undefined;
  readonly endedWallNs: number | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly client: ClientSummary;
  /** What was known of the host's floor, as the spec has it in JSON. */
  readonly hostFloor: unknown;
  /** In their order. */
  readonly phases: readonly PhaseSummary[];
}
