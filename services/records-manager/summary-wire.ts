/** Summaries of the domain as messages. */
import { fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { HostFloorSchema, PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { PhaseIdentitySchema } from "../../gen/assay/controller/v1/controller_pb.js";
import type {
  DefinitionSummarySchema,
  PhaseSummarySchema,
  SummarizeRecordsResponseSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { HostSummary } from "./core/host-figures.ts";
import type { LivePhase } from "./core/live.ts";
import type { ObjectiveOutcome, PhaseSummary, RunSummary, TargetSummary } from "./core/run-summary.ts";
import type { Spans } from "./core/send-log.ts";
import type { GpuUse } from "./core/telemetry/gpu-use.ts";
import { distributionOf, headOf, type MetricInit, runValueOf } from "./metric-wire.ts";
import type { DefinitionSummary } from "./query-definitions.ts";
import { saidOf, servedOf } from "./served-wire.ts";
import { clientUsageOf, reasonsOf, sendsOf, steadyStateOf, verdictOf } from "./validity-wire.ts";

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
  { database, definitions = [], told = (metrics) => [...metrics] }: SummaryExtras,
): MessageInitShape<typeof SummarizeRecordsResponseSchema> {
  return {
    runId: summary.runId,
    phases: summary.phases.map((phase) => {
      const whole = phaseOf(phase);
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

export function identityOf(
  phase: Pick<PhaseSummary, "counts" | "abandoned" | "queued" | "late" | "conflicts">,
): MessageInitShape<typeof PhaseIdentitySchema> {
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

function phaseOf(phase: PhaseSummary): PhaseInit & { readonly metrics: MetricInit[] } {
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
    errors: phase.errors.map(({ count, ...group }) => ({
      ...group,
      count: BigInt(count),
      messages: messagesOf(phase, group.code),
    })),
    notes: phase.notes.filter(({ tag }) => tag === undefined).map(({ message }) => message),
    gpus: phase.gpus.map(gpuOf),
    sends: sendsOf(phase),
    ...(phase.steadyState === undefined ? {} : { steadyState: steadyStateOf(phase.steadyState) }),
    workloadNotes: phase.notes.map(({ code, tag = "", message }) => ({ code, tag, message })),
    targets: phase.targets.map(targetOf),
    hosts: phase.hosts.map(hostOf),
    objectives: phase.objectives.map(outcomeOf),
    served: phase.served.map(servedOf),
    serverFigures: phase.said.map(saidOf),
    finishReasons: phase.finishReasons.map(({ reason, count }) => ({ reason, count: BigInt(count) })),
    wrongAnswers: phase.wrongAnswers.map((wrong) => ({ ...wrong, conversation: BigInt(wrong.conversation) })),
    unchecked: BigInt(phase.unchecked),
    ...(startWallNs === undefined ? {} : { firstSentWallNs: startWallNs }),
    ...(endWallNs === undefined ? {} : { lastEndWallNs: endWallNs }),
    ...(lateness === undefined ? {} : { lateness: latenessOf(lateness) }),
  };
}

function latenessOf({ count, p50Ns, p99Ns, maxNs }: Spans): MetricInit {
  return {
    tag: "lateness",
    header: "Lateness",
    unit: "ms",
    count: BigInt(count),
    p50: p50Ns / 1e6,
    p99: p99Ns / 1e6,
    max: maxNs / 1e6,
  };
}

const shownMessages = 3;

function messagesOf({ errorDetails }: PhaseSummary, code: string) {
  return errorDetails
    .filter((detail) => detail.code === code)
    .slice(0, shownMessages)
    .map(({ message, status, count }) => ({ message, status, count: BigInt(count) }));
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

function hostOf({ lateness, loopUtilisationMax, clock, ...host }: HostSummary): NonNullable<PhaseInit["hosts"]>[number] {
  const { name, workers, cores, throughputShare, requestThroughput } = host;
  return {
    name,
    workers,
    cores,
    throughputShare,
    requestThroughput,
    succeeded: BigInt(host.succeeded),
    errored: BigInt(host.errored),
    cancelled: BigInt(host.cancelled),
    metrics: host.metrics.map(distributionOf),
    ...(lateness === undefined ? {} : { lateness: latenessOf(lateness) }),
    ...(loopUtilisationMax === undefined ? {} : { loopUtilizationMax: loopUtilisationMax }),
    ...(clock === undefined ? {} : { clock }),
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

function gpuOf(gpu: GpuUse): NonNullable<PhaseInit["gpus"]>[number] {
  const { subject, source, name, index, host, vendor, energy, sampledWatts, samples } = gpu;
  const { maxWatts: maxPowerW, utilizationPercent, maxMemoryUsedGb, maxTemperatureC } = gpu;
  const meanPowerW = energy?.averageWatts ?? sampledWatts;
  return {
    subject,
    source,
    name,
    index,
    host,
    vendor,
    samples: BigInt(samples),
    ...known({ meanPowerW, maxPowerW, utilizationPercent, maxMemoryUsedGb, maxTemperatureC }),
    ...(energy === undefined
      ? {}
      : { energyJ: energy.joules, energyBy: energy.by, coveredSec: energy.coveredNs / 1e9, counterResets: energy.resets }),
  };
}

/** Without what is undefined, which a message takes for a mistake. */
function known(values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
