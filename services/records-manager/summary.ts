/**
 * Computes a run's summary from its file: exact, from rows, a few columns at a time. Blocks the thread it runs on; whoever
 * must not be blocked asks `query-client.ts`.
 */
import { adjustedMetrics, listMetrics, networkAdjustedMetrics, recordMetrics, runMetrics } from "../../metrics/catalog.ts";
import { interChunkLatency } from "../../metrics/inter-chunk-latency.ts";
import { longestInterChunkLatency } from "../../metrics/longest-inter-chunk-latency.ts";
import type { RecordMetric } from "../../metrics/metric.ts";
import { oslMismatchDiffPct } from "../../metrics/osl-mismatch-diff-pct.ts";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { requestLatency } from "../../metrics/request-latency.ts";
import { requestThroughput } from "../../metrics/request-throughput.ts";
import { sweepMetrics } from "../../metrics/sweep-line.ts";
import { timeToFirstToken } from "../../metrics/time-to-first-token.ts";
import type { Objective } from "../common/objective.ts";
import { randomStream } from "../common/random.ts";
import { forEachOf, OUTCOME_COLUMNS, pushValues, successesOf } from "./chunk-values.ts";
import { clientSummary } from "./client-summary.ts";
import { askedStallMs } from "./core/asked-load.ts";
import { burstsNote } from "./core/bursts.ts";
import { Column } from "./core/column.ts";
import { intervalsOf } from "./core/confidence.ts";
import { addPackedGaps } from "./core/gap-counts.ts";
import {
  answerNotes,
  coalescedNote,
  driftNote,
  fewSamplesNote,
  missedRateNote,
  outputLengthNote,
  type WorkloadNote,
} from "./core/notes.ts";
import {
  furtherPercentiles,
  isGood,
  outcomesOf,
  type RequestObjective,
  requestObjectives,
  runObjectives,
} from "./core/objectives.ts";
import type { PhaseFigures } from "./core/phase-figures.ts";
import { type PhaseCounts, PREFIXES_EVENT } from "./core/rows.ts";
import type { MetricHead, MetricStatistics, MetricValue, PhaseSummary, RunSummary } from "./core/run-summary.ts";
import { type AskedModels, type ServedModel, servedNote, servedTogether } from "./core/served.ts";
import { gapsOf, stallsOf } from "./core/stalls.ts";
import { forEachGap } from "./core/stamps.ts";
import {
  loweredStatistics,
  type Statistics,
  selectedPercentiles,
  statisticsOf,
  statisticsWithEndless,
} from "./core/statistics.ts";
import { targetEndpoint, targetLabels } from "./core/target-endpoint.ts";
import type { TargetFigures } from "./core/target-figures.ts";
import { type SeenFigures, saidFigures, saidNote } from "./core/telemetry/server-said.ts";
import { addFigures, FIGURE_COLUMNS, isWrongAnswer, outputTokensOf } from "./figure-rows.ts";
import { gpuEnergyOf, gpuNotes, readGpus } from "./gpu-figures.ts";
import { type HostsOfPhase, readHostFigures } from "./host-figures.ts";
import { type NetworkRtt, readNetworkRtt } from "./network-rtt.ts";
import { MOST_WRONG, type PhaseWork, windowsOf, worksOf } from "./phase-work.ts";
import { phaseNamed } from "./query-records.ts";
import { readSaid } from "./server-said.ts";
import { steadyStates } from "./steady-figures.ts";
import { fillRow } from "./store/chunk-reader.ts";
import { RunReader } from "./store/run-reader.ts";
import type { PhaseRow, RunRow } from "./store/run-rows.ts";
import { readSweep } from "./sweep.ts";
import { readTargetFigures } from "./target-figures.ts";

export interface SummaryOptions {
  /** Names of the phases to summarise. Default: all. The client's verdict rests on these. */
  readonly phases?: readonly string[];
  /** Takes all phases of a kind together as one, named after the first. Default: each phase by itself. */
  readonly isMerged?: boolean;
  /** False: without what was in flight over time, which takes two more passes over the rows. Default: with it. */
  readonly withSweep?: boolean;
  /** False: without what was scraped of GPUs and servers. Default: with it. */
  readonly withTelemetry?: boolean;
  /** Confidence intervals of the metrics of the console's table, too. Default: none. */
  readonly withIntervals?: boolean;
  /** Bytes that columns may take at a time; less means more passes over the rows. Default: `COLUMN_BUDGET_BYTES`, and what two take. */
  readonly columnBudgetBytes?: number;
}

/** All metrics at once up to a hundred thousand requests, six of a million. */
const COLUMN_BUDGET_BYTES = 48 * 1024 * 1024;
/** However many requests there are: a pass costs more than a column's memory is worth. */
const LEAST_COLUMNS = 2;
const BYTES_PER_VALUE = 8;

/** Summarises the run in `folder`, finished or not. Throws AssayError as `RunReader.open`, and `invalid_argument` for a phase that it has not. */
export function summarizeRun(folder: string, options: SummaryOptions = {}): RunSummary {
  const reader = RunReader.open(folder);
  try {
    return summarize(reader, options);
  } finally {
    reader.close();
  }
}

/** As `summarizeRun`, of an open file. */
export function summarize(reader: RunReader, options: SummaryOptions = {}): RunSummary {
  return reader.atOneMoment(() => summarized(reader, options));
}

function summarized(reader: RunReader, options: SummaryOptions): RunSummary {
  const run = reader.run();
  const phases = options.phases?.map((name) => phaseNamed(reader, name)) ?? reader.phases();
  const objectives = runObjectives(run.spec);
  const works = worksOf(reader, phases, options.isMerged === true);
  readFigures(reader, works, requestObjectives(run.spec));
  const seed = options.withIntervals === true ? seedOf(run.spec) : undefined;
  readMetrics(reader, works, { ofRun: objectives, seed }, options.columnBudgetBytes);
  readGaps(reader, works, objectives);
  if (options.withSweep !== false) readSweep(reader, works);
  noteShared(reader, works);
  if (options.withTelemetry !== false) {
    readGpus(reader, works);
    readSaid(reader, works);
  }
  const targets = readTargetFigures(reader, works, targetLabels(run.spec));
  const hosts = readHostFigures(reader, works);
  const networkRtt = readNetworkRtt(reader, run.spec);
  const distinct = [...new Set(works.values())];
  const windows = windowsOf(reader, distinct);
  const steady = steadyStates(reader, windows);
  const served = reader.served();
  const summaries = distinct.map((work) => ({
    ...phaseSummary(work, run, { targets: targets.get(work), hosts: hosts.get(work), objectives, served, networkRtt }),
    wrongAnswers: reader.wrongAnswers(work.wrong),
    steadyState: steady.get(work.head.phase),
  }));
  return {
    runId: run.runId,
    state: run.state,
    reason: run.reason,
    wasCancelled: run.wasCancelled,
    createdWallNs: run.createdWallNs,
    startedWallNs: run.startedWallNs,
    endedWallNs: run.endedWallNs,
    versions: run.versions,
    hostFloor: (JSON.parse(run.spec) as { readonly hostFloor?: unknown }).hostFloor,
    client: clientSummary(reader, run, distinct, summaries),
    phases: summaries,
  };
}

/** What the run is held to, and what is asked for beside. */
interface Wanted {
  readonly ofRun: readonly Objective[];
  /** Of the resamples for intervals; undefined: nobody asked for them. */
  readonly seed: number | undefined;
}

const OBJECTIVES_AT = 1 + FIGURE_COLUMNS.length;

/** Everything of the rows but distributions of metrics, and the figures of their moments, which take memory until they are made. */
function readFigures(reader: RunReader, works: ReadonlyMap<number, PhaseWork>, objectives: readonly RequestObjective[]): void {
  if (objectives.length > 0) for (const { figures } of works.values()) figures.good = 0;
  const columns = [...FIGURE_COLUMNS, ...objectives.map(({ tag }) => tag)];
  const row = new Array<unknown>(1 + columns.length).fill(null);
  for (const chunk of reader.chunks(columns)) {
    forEachOf(chunk, works, (place, { figures, wrong }) => {
      fillRow(row, chunk, place);
      addFigures(figures, row);
      const isFailure = row[2] === 1 || row[3] !== null;
      const isWrong = isWrongAnswer(row);
      if (isWrong && wrong.length < MOST_WRONG) wrong.push(chunk.firstId + place);
      const isCounted = objectives.length > 0 && !isFailure && !isWrong;
      if (isCounted && isGood(objectives, (index) => row[OBJECTIVES_AT + index])) figures.addGood(outputTokensOf(row));
    });
  }
  for (const { figures } of works.values()) figures.moments();
}

/** Reads the metrics in groups whose columns fit in the budget. */
function readMetrics(
  reader: RunReader,
  works: ReadonlyMap<number, PhaseWork>,
  wanted: Wanted,
  givenBytes: number | undefined,
): void {
  const known = recordMetrics.filter((metric) => reader.metricTags.includes(metric.tag));
  const bytesPerColumn = BYTES_PER_VALUE * Math.max(1, reader.rowBound());
  const budgetBytes = givenBytes ?? Math.max(COLUMN_BUDGET_BYTES, LEAST_COLUMNS * bytesPerColumn);
  const perPass = Math.max(1, Math.floor(budgetBytes / bytesPerColumn));
  // Most metrics apply to some kinds of endpoints alone: columns without a value need no pass.
  const tags = known.length <= perPass ? undefined : reader.tagsWithValues(known.map(({ tag }) => tag));
  const present = known.filter(({ tag }) => tags?.has(tag) ?? true);
  // Each pass uses the memory of the one before: what is thrown away of this size is missed until it is collected.
  const columns = new Map(
    [...new Set(works.values())].map((work) => {
      return [work, present.slice(0, perPass).map(() => new Column(work.figures.completed))];
    }),
  );
  for (let start = 0; start < present.length; start += perPass) {
    readPass({ reader, works, columns }, present.slice(start, start + perPass), wanted);
  }
}

interface MetricPasses {
  readonly reader: RunReader;
  readonly works: ReadonlyMap<number, PhaseWork>;
  /** As many of each as a pass has metrics. */
  readonly columns: ReadonlyMap<PhaseWork, readonly Column[]>;
}

function readPass({ reader, works, columns }: MetricPasses, metrics: readonly RecordMetric[], wanted: Wanted): void {
  const byPhase = new Map([...works].map(([phase, work]) => [phase, columns.get(work) ?? []]));
  for (const chunk of reader.chunks([...OUTCOME_COLUMNS, ...metrics.map(({ tag }) => tag)])) {
    const isSuccess = successesOf(chunk);
    for (const [index, metric] of metrics.entries()) {
      const isTaken = metric.isOfFailures === true ? undefined : isSuccess;
      pushValues(chunk, OUTCOME_COLUMNS.length + index, isTaken, (phase) => byPhase.get(phase)?.[index]);
    }
  }
  for (const [work, workColumns] of columns) {
    for (const [index, metric] of metrics.entries()) {
      addStatistics(work, metric, workColumns[index]?.values() ?? new Float64Array(), wanted);
      workColumns[index]?.clear();
    }
  }
}

function addStatistics(work: PhaseWork, metric: RecordMetric, values: Float64Array, { ofRun: objectives, seed }: Wanted): void {
  const trend = metric.tag === requestLatency.tag ? driftNote(metric.tag, values) : undefined;
  const statistics = statisticsOf(values);
  if (statistics === undefined) return;
  if (metric.tag === longestInterChunkLatency.tag) work.longestGaps = gapsOf(values);
  work.statistics.set(metric.tag, statistics);
  const further = furtherPercentiles(objectives, metric.tag);
  if (further.length > 0) work.further.set(metric.tag, selectedPercentiles(values, further));
  const adjusted = adjustedMetrics.find(({ of }) => of === metric.tag);
  const whole = adjusted && statisticsWithEndless(values, work.figures.errored + work.figures.cancelled);
  if (adjusted !== undefined && whole !== undefined) work.statistics.set(adjusted.tag, whole);
  if (seed !== undefined && metric.consoleOrder !== undefined) {
    // Last, since it sorts the values.
    work.intervals.set(metric.tag, intervalsOf(values, randomStream(seed, "intervals", metric.tag)));
  }
  // That few requests failed is no shortcoming of the measurement.
  const few = metric.flags?.includes("error_only") === true ? undefined : fewSamplesNote(metric.tag, statistics);
  if (few !== undefined) work.notes.push(few);
  if (trend !== undefined) work.notes.push(trend);
}

/** The run's own seed, as far as a double holds it. */
export function seedOf(spec: string): number {
  const { randomSeed = 0 } = JSON.parse(spec) as { readonly randomSeed?: string | number };
  const seed = Number(randomSeed);
  return Number.isSafeInteger(seed) ? seed : 0;
}

/** Gaps between chunks of succeeded requests. */
function readGaps(reader: RunReader, works: ReadonlyMap<number, PhaseWork>, objectives: readonly Objective[]): void {
  for (const gaps of reader.gaps([...works.keys()])) {
    const work = works.get(gaps.phase);
    if (work === undefined || ("stamps" in gaps && gaps.stamps.length < 2)) continue;
    if ("counts" in gaps) addPackedGaps(work.gaps, gaps.counts);
    else forEachGap(gaps.stamps, (gapUs) => work.gaps.add(gapUs));
  }
  for (const { gaps, statistics, further } of new Set(works.values())) {
    const found = gaps.statistics();
    if (found === undefined) continue;
    statistics.set(interChunkLatency.tag, found);
    further.set(interChunkLatency.tag, gaps.percentiles(furtherPercentiles(objectives, interChunkLatency.tag)));
  }
}

interface PhaseGiven {
  readonly targets: TargetFigures | undefined;
  readonly hosts: HostsOfPhase | undefined;
  readonly objectives: readonly Objective[];
  readonly served: readonly ServedModel[];
  readonly networkRtt: NetworkRtt;
}

function phaseSummary(
  work: PhaseWork,
  { suiteWallOffsetNs: wallOffsetNs, spec }: RunRow,
  { targets, hosts, objectives, served: allServed, networkRtt }: PhaseGiven,
): Omit<PhaseSummary, "steadyState" | "wrongAnswers"> {
  const { rows, head, figures, statistics } = work;
  const moments = figures.moments();
  const facts = figures.runFacts({
    wallOffsetNs,
    networkRttMs: networkRtt(figures.firstNs ?? 0, figures.lastNs ?? 0),
    isReplay: work.asked.isReplay,
    stalls: stallsOf(work.gaps, work.longestGaps, askedStallMs(spec)),
    concurrency: work.asked.concurrency,
    gpuEnergy: (vendor) => gpuEnergyOf(work, vendor),
    statistics: (tag) => statistics.get(tag),
  });
  const total = (count: (row: PhaseRow) => number) => rows.reduce((sum, row) => sum + count(row), 0);
  const { networkRttMs } = facts;
  for (const metric of networkRttMs === undefined ? [] : networkAdjustedMetrics) {
    const found = statistics.get(metric.of);
    if (found !== undefined) statistics.set(metric.tag, loweredStatistics(found, networkRttMs ?? 0));
  }
  const metrics = [...recordMetrics, ...listMetrics, ...adjustedMetrics, ...networkAdjustedMetrics, ...sweepMetrics].flatMap(
    (metric): MetricStatistics[] => {
      const found = statistics.get(metric.tag);
      return found === undefined ? [] : [{ ...headOf(metric), statistics: found, intervals: work.intervals.get(metric.tag) }];
    },
  );
  const ofRun = runMetrics.flatMap((metric): MetricValue[] => {
    const value = metric.value(facts);
    return value === undefined ? [] : [{ ...headOf(metric), value }];
  });
  const lastEndedNs = rows.at(-1)?.endedNs;
  const counts = countsOf(rows, figures);
  const asked = askedModels(spec);
  const served = servedTogether(
    allServed.filter(({ phase }) => rows.some((row) => row.phase === phase)),
    asked,
  );
  const said = saidFigures(work.said, seenFigures(counts.succeeded, statistics, ofRun));
  const ofHosts = hosts?.summaries(requestThroughput.value(facts)) ?? { hosts: [], notes: [] };
  const miscount = servedNote(served, asked, counts) ?? saidNote(said);
  return {
    phase: head.phase,
    name: head.name,
    kind: head.kind,
    isClosed: rows.every((row) => row.isClosed),
    isAccountComplete: rows.every((row) => row.isAccountComplete),
    counts,
    abandoned: total((row) => row.abandoned),
    queued: total((row) => row.queued),
    late: total((row) => row.late),
    conflicts: total((row) => row.conflicts),
    startWallNs: figures.firstNs === undefined ? undefined : figures.firstNs + wallOffsetNs,
    endWallNs: figures.lastNs === undefined ? undefined : figures.lastNs + wallOffsetNs,
    beginWallNs: head.startedNs === undefined ? undefined : head.startedNs + wallOffsetNs,
    finishWallNs: lastEndedNs === undefined ? undefined : lastEndedNs + wallOffsetNs,
    metrics,
    runMetrics: ofRun,
    errors: figures.errors().map(({ target, ...group }) => ({ ...group, endpoint: targetEndpoint(spec, target) })),
    errorDetails: figures.errorDetails(),
    finishReasons: figures.finishReasons(),
    unchecked: figures.unchecked,
    notes: [
      ...work.notes,
      ...phaseNotes(work),
      ...(miscount === undefined ? [] : [miscount]),
      ...gpuNotes(work, ofRun),
      ...ofHosts.notes,
    ],
    lateness: moments.lateness,
    asked: work.asked,
    sends: moments.sends,
    gpus: work.gpus,
    targets: targets?.summaries(requestThroughput.value(facts)) ?? [],
    hosts: ofHosts.hosts,
    served,
    said,
    objectives: head.kind === "profiling" ? outcomesOf(objectives, { metrics, runMetrics: ofRun, further: work.further }) : [],
  };
}

function askedModels(spec: string): AskedModels {
  const { models = [], endpoint } = JSON.parse(spec) as {
    readonly models?: readonly string[];
    readonly endpoint?: { readonly modelVersion?: string };
  };
  return { models, modelVersion: endpoint?.modelVersion ?? "" };
}

/** What the client saw of what servers count. Tokens are the server's usage where it sends one. */
function seenFigures(succeeded: number, statistics: ReadonlyMap<string, Statistics>, ofRun: readonly MetricValue[]): SeenFigures {
  const ofTag = (...tags: readonly string[]): number | undefined =>
    tags.map((tag) => ofRun.find((metric) => metric.tag === tag)?.value).find((value) => value !== undefined);
  return {
    requests_succeeded: succeeded,
    prompt_tokens: ofTag("total_usage_prompt_tokens", "total_isl"),
    generation_tokens: ofTag("total_usage_completion_tokens", "total_osl"),
    ttft: statistics.get(timeToFirstToken.tag)?.avg,
    e2e: statistics.get(requestLatency.tag)?.avg,
  };
}

/** What prompts share concerns the figures of every phase that sends them for its own sake. */
function noteShared(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): void {
  const message = reader.eventText(PREFIXES_EVENT);
  if (message === undefined) return;
  for (const { head, notes } of new Set(works.values())) {
    if (head.kind === "profiling") notes.push({ code: "prefix_sharing", tag: undefined, message });
  }
}

function phaseNotes({ figures, statistics, asked, rows }: PhaseWork): WorkloadNote[] {
  const { sends } = figures.moments();
  const { completed, lengthLimited, usageMismatch, usageDiscrepancies: usageDiscrepancy = 0, streamIgnored } = figures;
  const truncated = figures.errorCount("truncated");
  // Vectors and images have no tokens to count.
  const isText = statistics.has(outputSequenceLength.tag) || statistics.has(timeToFirstToken.tag);
  const { countedHere, uncounted } = isText ? figures : { countedHere: 0, uncounted: 0 };
  return [
    coalescedNote(statistics.get(interChunkLatency.tag)?.count ?? 0, figures.coalescedChunks),
    outputLengthNote(oslMismatchDiffPct.tag, statistics.get(oslMismatchDiffPct.tag)),
    burstsNote(sends.bursts),
    // Of several phases taken together each has a rate of its own.
    rows.length === 1 ? missedRateNote(asked.ratePerSec, sends) : undefined,
    ...answerNotes({
      completed,
      truncated,
      lengthLimited,
      usageMismatch,
      usageDiscrepancy,
      countedHere,
      uncounted,
      streamIgnored,
    }),
  ].filter((note) => note !== undefined);
}

/** Counts as they were closed; while a phase is open, of its rows alone. */
function countsOf(rows: readonly PhaseRow[], { completed: drawn, succeeded, errored, cancelled }: PhaseFigures): PhaseCounts {
  const closed = rows.map((row) => row.counts).filter((counts) => counts !== undefined);
  if (closed.length < rows.length) {
    return { drawn, unused: 0, dropped: 0, succeeded, errored, cancelled, missingRecord: 0, missingLost: 0, unaccounted: 0 };
  }
  const total = (key: keyof PhaseCounts) => closed.reduce((sum, counts) => sum + counts[key], 0);
  return {
    drawn: total("drawn"),
    unused: total("unused"),
    dropped: total("dropped"),
    succeeded: total("succeeded"),
    errored: total("errored"),
    cancelled: total("cancelled"),
    missingRecord: total("missingRecord"),
    missingLost: total("missingLost"),
    unaccounted: total("unaccounted"),
  };
}

function headOf({ tag, header, unit }: MetricHead): MetricHead {
  return { tag, header, unit };
}
