/** Summaries, timelines and rows of the domain as messages. */
import { fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { HostFloorSchema, PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { PhaseIdentitySchema } from "../../gen/assay/controller/v1/controller_pb.js";
import type { MetricRecordSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type {
  DefinitionSummarySchema,
  GetTimelineResponseSchema,
  PhaseSummarySchema,
  SummarizeRecordsResponseSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import { encodeStamps } from "../common/chunk-stamps.ts";
import type { LivePhase } from "./core/live.ts";
import type { ObjectiveOutcome, PhaseSummary, RunSummary, TargetSummary } from "./core/run-summary.ts";
import { distributionOf, headOf, type MetricInit, runValueOf } from "./metric-wire.ts";
import type { DefinitionSummary } from "./query-definitions.ts";
import type { GpuUse } from "./query-gpus.ts";
import type { RecordsPage } from "./query-records.ts";
import type { TimelineAnswer } from "./query-timeline.ts";
import { bucketUsageOf, clientUsageOf, reasonsOf, sendsOf, steadyStateOf, verdictOf } from "./validity-wire.ts";

type DefinitionInit = Exclude<MessageInitShape<typeof DefinitionSummarySchema>, { $typeName: string }>;
type PhaseInit = Exclude<MessageInitShape<typeof PhaseSummarySchema>, { $typeName: string }>;

/** What a summary has beside its figures. */
export interface SummaryExtras {
  /** Path of the run's file. */
  readonly database: string;
  /** Default: none. */
  readonly definitions?: readonly DefinitionSummary[];
  /** What of a phase's metrics is told. Default: all. */
  readonly told?: (metrics: readonly MetricInit[]) => MetricInit[];
}

export function summaryResponseOf(
  summary: RunSummary,
  gpus: readonly GpuUse[],
  { database, definitions = [], told = (metrics) => [...metrics] }: SummaryExtras,
): MessageInitShape<typeof SummarizeRecordsResponseSchema> {
  return {
    runId: summary.runId,
    phases: summary.phases.map((phase) => {
      const whole = phaseOf(
        phase,
        gpus.filter((gpu) => gpu.phase === phase.phase),
      );
      return { ...whole, metrics: told(whole.metrics) };
    }),
    verdict: { verdict: verdictOf(summary.client.verdict), reasons: summary.client.reasons.map(({ message }) => message) },
    database,
    reasons: reasonsOf(summary.client),
    definitions: definitions.map(definitionOf),
    client: clientUsageOf(summary.client.usage),
    ...(summary.hostFloor === undefined ? {} : { hostFloor: fromJson(HostFloorSchema, summary.hostFloor as JsonValue, lenient) }),
  };
}

/** A later version may know more of a floor. */
const lenient = { ignoreUnknownFields: true };

export function identityOf(phase: PhaseSummary): MessageInitShape<typeof PhaseIdentitySchema> {
  const { counts } = phase;
  return {
    drawn: BigInt(counts.drawn),
    unused: BigInt(counts.unused),
    dropped: BigInt(counts.dropped),
    succeeded: BigInt(counts.succeeded),
    errored: BigInt(counts.errored),
    cancelled: BigInt(counts.cancelled),
    missingRecord: BigInt(counts.missingRecord),
    missingLost: BigInt(counts.missingLost),
    unaccounted: BigInt(counts.unaccounted),
    abandoned: BigInt(phase.abandoned),
    queued: BigInt(phase.queued),
    late: BigInt(phase.late),
    conflicts: BigInt(phase.conflicts),
  };
}

/** What another tool would say of a run. */
function definitionOf({ definition, figures }: DefinitionSummary): DefinitionInit {
  return {
    definition,
    figures: figures.map(({ figure, statistics: { count, ...values } }) => ({
      tag: figure,
      header: figure.toUpperCase(),
      unit: "ms",
      count: BigInt(count),
      ...values,
    })),
  };
}

/** Live figures of one phase; percentiles are those of its histograms. */
export function livePhaseOf(live: LivePhase, name: string, kind: PhaseKind): PhaseInit {
  return {
    index: live.phase,
    name,
    kind,
    isClosed: false,
    identity: { succeeded: BigInt(live.succeeded), errored: BigInt(live.errored), cancelled: BigInt(live.cancelled) },
    metrics: [...live.metrics].map(([tag, { count, ...values }]) => ({ ...headOf(tag), count: BigInt(count), ...values })),
  };
}

export function timelineOf(answer: TimelineAnswer): MessageInitShape<typeof GetTimelineResponseSchema> {
  return {
    ...(answer.originWallNs === undefined ? {} : { originWallNs: answer.originWallNs }),
    buckets: answer.buckets.map(
      ({ completed, failed, timeToFirstTokenP50Ms, timeToFirstTokenP99Ms, due, sent, lateness, usage, ...rates }) => ({
        ...rates,
        completed: BigInt(completed),
        failed: BigInt(failed),
        due: BigInt(due),
        sent: BigInt(sent),
        ...(lateness === undefined
          ? {}
          : {
              latenessP50Ms: lateness.p50Ns / 1e6,
              latenessP99Ms: lateness.p99Ns / 1e6,
              latenessMaxMs: lateness.maxNs / 1e6,
            }),
        ...(usage === undefined ? {} : { usage: bucketUsageOf(usage) }),
        ...(timeToFirstTokenP50Ms === undefined ? {} : { ttftP50Ms: timeToFirstTokenP50Ms }),
        ...(timeToFirstTokenP99Ms === undefined ? {} : { ttftP99Ms: timeToFirstTokenP99Ms }),
      }),
    ),
  };
}

/** Columns of `requests` by the fields of MetricRecord that they fill. `values` stands for all metrics. */
export const columnsOfFields: Readonly<Record<string, readonly string[]>> = {
  credit_id: ["credit_id"],
  phase: ["phase"],
  conversation: ["conversation"],
  turn: ["turn"],
  session: ["session_id"],
  index: ["session_num"],
  parent_session: ["parent_session"],
  root_session: ["root_session"],
  agent_depth: ["agent_depth"],
  target: ["target"],
  due_ns: ["due_ns"],
  issued_ns: ["issued_ns"],
  received_ns: ["received_ns"],
  sent_ns: ["sent_ns"],
  first_byte_ns: ["first_byte_ns"],
  end_ns: ["end_ns"],
  connect_ns: ["connect_ns"],
  blocked_ns: ["blocked_ns"],
  dns_ns: ["dns_ns"],
  tcp_ns: ["tcp_ns"],
  tls_ns: ["tls_ns"],
  written_ns: ["written_ns"],
  local_address: ["local_address"],
  remote_address: ["remote_address"],
  row_group: ["row_group"],
  status: ["status"],
  error: ["error_code", "error_phase", "error_message"],
  is_cancelled: ["is_cancelled"],
  cancelled_ns: ["cancelled_ns"],
  is_streaming: ["is_streaming"],
  is_connection_reused: ["is_connection_reused"],
  request_bytes: ["request_bytes"],
  response_bytes: ["response_bytes"],
  model: ["model"],
  request_id: ["request_id"],
  correlation_id: ["correlation_id"],
  worker_id: ["worker_id"],
  wall_offset_ns: ["wall_offset_ns"],
  values: recordMetrics.map(({ tag }) => tag),
  content_stamps: ["content_stamps"],
  coalesced_chunks: ["coalesced_chunks"],
  finish_reason: ["finish_reason"],
  token_source: ["token_source"],
  record_processor_id: ["record_processor_id"],
  has_usage_mismatch: ["has_usage_mismatch"],
  is_stream_ignored: ["is_stream_ignored"],
  requested_output_tokens: ["requested_output_tokens"],
};

/** A row as a message; absent columns leave their fields unset. */
export function recordOf(row: RecordsPage["records"][number], hasValues: boolean): MessageInitShape<typeof MetricRecordSchema> {
  const number = (column: string): number => (typeof row[column] === "number" ? row[column] : 0);
  const text = (column: string): string => (typeof row[column] === "string" ? row[column] : "");
  const count = (column: string): bigint => BigInt(number(column));
  const isSet = (column: string): boolean => number(column) === 1;
  const maybe = (column: string): number | undefined => (typeof row[column] === "number" ? row[column] : undefined);
  // Of a session, plus 1; 0: there is none.
  const above = (column: string): bigint => BigInt((maybe(column) ?? -1) + 1);
  const firstByteNs = maybe("first_byte_ns");
  const connectNs = maybe("connect_ns");
  const cancelledNs = maybe("cancelled_ns");
  const blockedNs = maybe("blocked_ns");
  const dnsNs = maybe("dns_ns");
  const tcpNs = maybe("tcp_ns");
  const tlsNs = maybe("tls_ns");
  const writtenNs = maybe("written_ns");
  const stamps = row.content_stamps;
  return {
    creditId: count("credit_id"),
    phase: number("phase"),
    conversation: count("conversation"),
    turn: number("turn"),
    session: count("session_id"),
    index: count("session_num"),
    parentSession: above("parent_session"),
    rootSession: above("root_session"),
    agentDepth: number("agent_depth"),
    target: number("target"),
    dueNs: number("due_ns"),
    issuedNs: number("issued_ns"),
    receivedNs: number("received_ns"),
    sentNs: number("sent_ns"),
    endNs: number("end_ns"),
    status: number("status"),
    isCancelled: isSet("is_cancelled"),
    isStreaming: isSet("is_streaming"),
    isConnectionReused: isSet("is_connection_reused"),
    requestBytes: count("request_bytes"),
    responseBytes: count("response_bytes"),
    model: text("model"),
    requestId: text("request_id"),
    correlationId: text("correlation_id"),
    workerId: text("worker_id"),
    localAddress: text("local_address"),
    remoteAddress: text("remote_address"),
    rowGroup: text("row_group"),
    wallOffsetNs: number("wall_offset_ns"),
    values: hasValues ? recordMetrics.map(({ tag }) => maybe(tag) ?? Number.NaN) : [],
    contentStamps: stamps instanceof Float64Array ? encodeStamps(stamps) : new Uint8Array(0),
    coalescedChunks: number("coalesced_chunks"),
    finishReason: text("finish_reason"),
    tokenSource: text("token_source"),
    recordProcessorId: text("record_processor_id"),
    hasUsageMismatch: isSet("has_usage_mismatch"),
    isStreamIgnored: isSet("is_stream_ignored"),
    requestedOutputTokens: number("requested_output_tokens"),
    ...(firstByteNs === undefined ? {} : { firstByteNs }),
    ...(connectNs === undefined ? {} : { connectNs }),
    ...(blockedNs === undefined ? {} : { blockedNs }),
    ...(dnsNs === undefined ? {} : { dnsNs }),
    ...(tcpNs === undefined ? {} : { tcpNs }),
    ...(tlsNs === undefined ? {} : { tlsNs }),
    ...(writtenNs === undefined ? {} : { writtenNs }),
    ...(cancelledNs === undefined ? {} : { cancelledNs }),
    ...(text("error_code") === ""
      ? {}
      : { error: { code: text("error_code"), phase: text("error_phase"), message: text("error_message") } }),
  };
}

function phaseOf(phase: PhaseSummary, gpus: readonly GpuUse[]): PhaseInit & { readonly metrics: MetricInit[] } {
  const { lateness, startWallNs, endWallNs } = phase;
  return {
    index: phase.phase,
    name: phase.name,
    kind: phase.kind === "warmup" ? PhaseKind.WARMUP : PhaseKind.PROFILING,
    isClosed: phase.isClosed,
    identity: identityOf(phase),
    metrics: [
      ...phase.metrics.map((metric) => ({ ...distributionOf(metric), notes: notesOf(phase, metric.tag) })),
      ...phase.runMetrics.map((metric) => ({ ...runValueOf(metric), notes: notesOf(phase, metric.tag) })),
    ],
    errors: phase.errors.map(({ count, ...group }) => ({ ...group, count: BigInt(count) })),
    notes: phase.notes.filter(({ tag }) => tag === undefined).map(({ message }) => message),
    gpus: gpus.map(gpuOf),
    sends: sendsOf(phase),
    ...(phase.steadyState === undefined ? {} : { steadyState: steadyStateOf(phase.steadyState) }),
    workloadNotes: phase.notes.map(({ code, tag = "", message }) => ({ code, tag, message })),
    targets: phase.targets.map(targetOf),
    objectives: phase.objectives.map(outcomeOf),
    finishReasons: phase.finishReasons.map(({ reason, count }) => ({ reason, count: BigInt(count) })),
    ...(startWallNs === undefined ? {} : { firstSentWallNs: startWallNs }),
    ...(endWallNs === undefined ? {} : { lastEndWallNs: endWallNs }),
    ...(lateness === undefined
      ? {}
      : {
          lateness: {
            tag: "lateness",
            header: "Lateness",
            unit: "ms",
            count: BigInt(lateness.count),
            p50: lateness.p50Ns / 1e6,
            p99: lateness.p99Ns / 1e6,
            max: lateness.maxNs / 1e6,
          },
        }),
  };
}

function targetOf({
  succeeded,
  errored,
  cancelled,
  metrics,
  ...target
}: TargetSummary): NonNullable<PhaseInit["targets"]>[number] {
  return {
    ...target,
    succeeded: BigInt(succeeded),
    errored: BigInt(errored),
    cancelled: BigInt(cancelled),
    metrics: metrics.map(distributionOf),
  };
}

function outcomeOf({
  objective: { text, tag, statistic = "", bound },
  unit,
  value,
  isKept,
}: ObjectiveOutcome): NonNullable<PhaseInit["objectives"]>[number] {
  return { text, tag, statistic, bound, unit, isKept, ...(value === undefined ? {} : { value }) };
}

function notesOf(phase: PhaseSummary, tag: string): string[] {
  return phase.notes.filter((note) => note.tag === tag).map(({ message }) => message);
}

function gpuOf({ subject, source, meanPowerW, energyJ, samples }: GpuUse): NonNullable<PhaseInit["gpus"]>[number] {
  return {
    subject,
    source,
    samples: BigInt(samples),
    ...(meanPowerW === undefined ? {} : { meanPowerW }),
    ...(energyJ === undefined ? {} : { energyJ }),
  };
}
