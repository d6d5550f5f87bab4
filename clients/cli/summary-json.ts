/** `--json`: the results of a run as one object for programs. Names are the protos', values are numbers in the unit beside them. Pure. */
import { toJson } from "@bufbuild/protobuf";
import { HostFloorSchema, PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { type PhaseIdentity, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { type MetricStatistics, Verdict } from "../../gen/assay/records_manager/v1/record_pb.js";
import type {
  HostSummary,
  ObjectiveOutcome,
  PhaseSummary,
  TargetSummary,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { ServedModel } from "../../gen/assay/records_manager/v1/served_pb.js";
import type { Report } from "../../report/report.ts";

/** What is not known is left out. Counts above 2^53 are rounded. */
export function summaryJson({ run, summary, folder, files }: Report): object {
  return {
    run_id: run.runId,
    name: run.spec?.name,
    state: (RunState[run.state] ?? "unknown").toLowerCase(),
    reason: run.reason === "" ? undefined : run.reason,
    client: {
      verdict: nameOf(summary.verdict?.verdict ?? Verdict.UNSPECIFIED),
      reasons: summary.verdict?.reasons ?? [],
      details: summary.reasons.map(({ code, verdict, message }) => ({ code, verdict: nameOf(verdict), message })),
      usage: plainJson(summary.client),
    },
    host_floor:
      summary.hostFloor === undefined ? undefined : toJson(HostFloorSchema, summary.hostFloor, { useProtoFieldName: true }),
    definitions:
      summary.definitions.length === 0
        ? undefined
        : Object.fromEntries(summary.definitions.map(({ definition, figures }) => [definition, metricsJson(figures)])),
    phases: summary.phases.map((phase) => phaseJson(phase, run.phases.find(({ index }) => index === phase.index)?.asked)),
    folder,
    files,
  };
}

function phaseJson(phase: PhaseSummary, asked: bigint | undefined): object {
  return {
    name: phase.name,
    kind: (PhaseKind[phase.kind] ?? "unknown").toLowerCase(),
    asked: asked === undefined || asked === 0n ? undefined : Number(asked),
    identity: phase.identity === undefined ? undefined : identityJson(phase.identity),
    metrics: metricsJson(phase.metrics),
    sends: plainJson(phase.sends),
    lateness: phase.lateness === undefined ? undefined : metricJson(phase.lateness),
    steady_state:
      phase.steadyState === undefined
        ? undefined
        : { ...plainJson({ ...phase.steadyState, metrics: undefined }), metrics: metricsJson(phase.steadyState.metrics) },
    errors: phase.errors.map(({ code, phase: where, count, status, example, endpoint, messages }) => ({
      code,
      phase: where,
      count: Number(count),
      status: status === 0 ? undefined : status,
      example,
      endpoint: endpoint === "" ? undefined : endpoint,
      messages: messages.length < 2 ? undefined : messages.map((one) => ({ message: one.message, count: Number(one.count) })),
    })),
    notes: phase.notes,
    workload_notes: phase.workloadNotes.map(({ code, tag, message }) => ({
      code,
      metric: tag === "" ? undefined : tag,
      message,
    })),
    objectives: phase.objectives.length === 0 ? undefined : phase.objectives.map(outcomeJson),
    finish_reasons:
      phase.finishReasons.length === 0
        ? undefined
        : Object.fromEntries(phase.finishReasons.map(({ reason, count }) => [reason, Number(count)])),
    targets: phase.targets.length === 0 ? undefined : phase.targets.map(targetJson),
    hosts: phase.hosts.length === 0 ? undefined : phase.hosts.map(hostJson),
    served: phase.served.length === 0 ? undefined : phase.served.map(servedJson),
    server_figures: phase.serverFigures.length === 0 ? undefined : phase.serverFigures.map(plainJson),
    gpus: phase.gpus.length === 0 ? undefined : phase.gpus.map(plainJson),
    wrong_answers: phase.wrongAnswers.length === 0 ? undefined : phase.wrongAnswers.map(plainJson),
    unchecked: phase.unchecked === 0n ? undefined : Number(phase.unchecked),
  };
}

function hostJson({ metrics, lateness, ...host }: HostSummary): object {
  return {
    ...plainJson(host),
    lateness: lateness === undefined ? undefined : metricJson(lateness),
    metrics: metricsJson(metrics),
  };
}

function servedJson(model: ServedModel): object {
  return {
    ...plainJson({ ...model, phase: undefined, batches: undefined }),
    batches: model.batches.map((batch) => plainJson(batch)),
  };
}

function outcomeJson({ text, tag, statistic, value, bound, unit, isKept }: ObjectiveOutcome): object {
  return {
    objective: text,
    metric: tag,
    statistic: statistic === "" ? undefined : statistic,
    value,
    bound,
    unit,
    is_kept: isKept,
  };
}

function nameOf(verdict: Verdict): string {
  return (Verdict[verdict] ?? "unknown").toLowerCase();
}

/** A message of numbers, and of such messages, under the names of its fields; counts are numbers, too. */
function plainJson(message: object | undefined): object | undefined {
  if (message === undefined) return undefined;
  const fields = Object.entries(message).filter(([name]) => !name.startsWith("$"));
  return Object.fromEntries(fields.map(([name, value]) => [fieldName(name), plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "object" && value !== null ? plainJson(value) : value;
}

/** `p50Ms` is `p50_ms` in the proto. */
function fieldName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** By tag, in the order given. */
export function metricsJson(metrics: readonly MetricStatistics[]): object {
  return Object.fromEntries(metrics.map((metric) => [metric.tag, metricJson(metric)]));
}

function identityJson(identity: PhaseIdentity): object {
  return {
    drawn: Number(identity.drawn),
    unused: Number(identity.unused),
    dropped: Number(identity.dropped),
    succeeded: Number(identity.succeeded),
    errored: Number(identity.errored),
    cancelled: Number(identity.cancelled),
    missing_record: Number(identity.missingRecord),
    missing_lost: Number(identity.missingLost),
    late: Number(identity.late),
    conflicts: Number(identity.conflicts),
    abandoned: Number(identity.abandoned),
    unaccounted: Number(identity.unaccounted),
    queued: Number(identity.queued),
  };
}

function targetJson({
  label,
  succeeded,
  errored,
  cancelled,
  throughputShare,
  requestThroughput,
  metrics,
}: TargetSummary): object {
  return {
    label,
    succeeded: Number(succeeded),
    errored: Number(errored),
    cancelled: Number(cancelled),
    throughput_share: throughputShare,
    request_throughput: requestThroughput,
    metrics: Object.fromEntries(metrics.map((metric) => [metric.tag, metricJson(metric)])),
  };
}

function metricJson(metric: MetricStatistics): object {
  const {
    header,
    unit,
    count,
    avg,
    min,
    max,
    sum,
    std,
    p1,
    p5,
    p10,
    p25,
    p50,
    p75,
    p90,
    p95,
    p99,
    notes,
    thinPercentiles,
    intervals,
  } = metric;
  const distribution = { count: Number(count), min, max, sum, std, p1, p5, p10, p25, p50, p75, p90, p95, p99 };
  return {
    header,
    unit,
    avg,
    ...(count === 0n ? {} : distribution),
    thin_percentiles: thinPercentiles.length === 0 ? undefined : thinPercentiles,
    confidence:
      intervals.length === 0
        ? undefined
        : Object.fromEntries(intervals.map(({ statistic, low, high }) => [statistic, [low, high]])),
    notes: notes.length === 0 ? undefined : notes,
  };
}
