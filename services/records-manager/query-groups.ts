/** Groups of a run's requests in figures: exact, from rows, a few columns at a time. */
import { listMetrics } from "../../metrics/catalog.ts";
import type { RecordMetric, RunFacts } from "../../metrics/metric.ts";
import { randomStream } from "../common/random.ts";
import { OUTCOME_COLUMNS, pushValues, successesOf } from "./chunk-values.ts";
import { Column } from "./core/column.ts";
import { intervalsOf } from "./core/confidence.ts";
import type { FilterKind } from "./core/filter-fields.ts";
import { GapDistribution } from "./core/gap-distribution.ts";
import { type GroupField, readGroupFields } from "./core/group-fields.ts";
import { type GroupMetrics, readGroupMetrics } from "./core/group-metrics.ts";
import { compareGroups, type GroupTally, type KeyValue, RecordGroups } from "./core/record-groups.ts";
import type { MetricStatistics, MetricValue } from "./core/run-summary.ts";
import { forEachGap } from "./core/stamps.ts";
import { statisticsOf } from "./core/statistics.ts";
import { targetLabels } from "./core/target-endpoint.ts";
import { MOST_EXPECTED } from "./phase-work.ts";
import { passingRows } from "./query-records.ts";
import type { RowChunk } from "./store/chunk-reader.ts";
import { type PageFilter, RunReader } from "./store/run-reader.ts";
import { type SuccessSpan, successSpans } from "./store/run-spans.ts";
import { seedOf } from "./summary.ts";

export interface GroupsQuery {
  readonly folder: string;
  /** Name of a phase. Default: all, each by itself. */
  readonly phase?: string;
  /** As `core/filter.ts` has it. Default: every request. */
  readonly filter?: string;
  /** As `readGroupFields` takes them. Empty: one group a phase. */
  readonly groupBy: readonly string[];
  /** As `readGroupMetrics` takes them. Empty: all. */
  readonly metrics: readonly string[];
  /** Confidence intervals, too: of the metrics of the console's table, or of those that are named. Default: none. */
  readonly withIntervals?: boolean;
  /** Groups that are kept. Default: `MOST_GROUPS`. */
  readonly mostGroups?: number;
  /** Bytes that columns, or distributions of gaps, may take at a time. Default: `COLUMN_BUDGET_BYTES`. */
  readonly columnBudgetBytes?: number;
}

export interface GroupKey {
  /** As it was asked for. */
  readonly field: string;
  readonly value: KeyValue;
  /** What an index is called in the run. */
  readonly name: string | undefined;
}

export interface RecordGroup {
  /** Its name. */
  readonly phase: string;
  readonly keys: readonly GroupKey[];
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
  /** Those that have a value, in the catalog's order. */
  readonly metrics: readonly MetricStatistics[];
  readonly ofGroup: readonly MetricValue[];
}

export interface GroupsAnswer {
  /** By phase, then by keys. */
  readonly groups: readonly RecordGroup[];
  /** Requests of further groups than are kept. */
  readonly leftOut: number;
}

const MOST_GROUPS = 1000;
const COLUMN_BUDGET_BYTES = 384 * 1024 * 1024;
/** A growing column holds its old and its new half at once. */
const BYTES_PER_VALUE = 8 * 3;

/** Throws `invalid_argument` for an unknown phase, key or metric, or a filter that cannot be read. */
export function queryGroups(query: GroupsQuery): GroupsAnswer {
  const reader = RunReader.open(query.folder);
  try {
    return reader.atOneMoment(() => readGroups(reader, query));
  } finally {
    reader.close();
  }
}

/** What is gathered of one group. */
interface Gathered {
  readonly tally: GroupTally;
  readonly metrics: Map<string, MetricStatistics>;
}

/** The rows that are looked at, and which group each is of. */
interface GroupedRows {
  readonly reader: RunReader;
  readonly filter: PageFilter;
  readonly keys: readonly GroupField[];
  readonly groups: RecordGroups;
}

function readGroups(reader: RunReader, query: GroupsQuery): GroupsAnswer {
  const keys = readGroupFields(query.groupBy);
  const metrics = readGroupMetrics(query.metrics);
  const filter = passingRows(reader, query);
  const groups = new RecordGroups(
    keys.map(({ field }) => field.kind),
    query.mostGroups ?? MOST_GROUPS,
  );
  const rows: GroupedRows = { reader, filter, keys, groups };
  const isEstimated = ({ consoleOrder }: RecordMetric): boolean => query.metrics.length > 0 || consoleOrder !== undefined;
  const seed = query.withIntervals === true ? seedOf(reader.run().spec) : undefined;
  const seedFor = (metric: RecordMetric): number | undefined => (isEstimated(metric) ? seed : undefined);
  const budgetBytes = query.columnBudgetBytes ?? COLUMN_BUDGET_BYTES;
  const parts = partsOf(reader, [...metrics.ofRequests, ...metrics.forSums], budgetBytes);
  const gathered: Gathered[] = [];
  for (const [index, part] of parts.entries()) readColumns(rows, part, gathered, { isFirst: index === 0, seedFor });
  if (metrics.ofLists.length > 0) readGaps(rows, gathered, budgetBytes);
  return { groups: told(reader, keys, metrics, gathered), leftOut: groups.leftOut };
}

const HEAD_COLUMNS = ["phase", "is_cancelled", "error_code", "is_correct"] as const;
/** A row has its credit id first. */
const KEYS_AT = 1 + HEAD_COLUMNS.length;

function* pagesOf({ reader, filter, keys }: GroupedRows, columns: readonly string[], pageRows?: number): Generator<unknown[][]> {
  const options = pageRows === undefined ? filter : { ...filter, pageRows };
  yield* reader.pages([...HEAD_COLUMNS, ...keys.map(({ field }) => field.column), ...columns], options);
}

/** Those metrics that have values, in parts whose columns fit in the budget; at least one part, if only to count. */
function partsOf(reader: RunReader, metrics: readonly RecordMetric[], budgetBytes: number): RecordMetric[][] {
  const known = metrics.map(({ tag }) => tag).filter((tag) => reader.metricTags.includes(tag));
  const tags = reader.tagsWithValues(known);
  const present = metrics.filter(({ tag }) => tags.has(tag));
  const perPass = Math.max(1, Math.floor(budgetBytes / (BYTES_PER_VALUE * Math.max(1, reader.rowBound()))));
  return Array.from({ length: Math.max(1, Math.ceil(present.length / perPass)) }, (_, part) =>
    present.slice(part * perPass, (part + 1) * perPass),
  );
}

interface ColumnsPass {
  /** Requests are counted, too. */
  readonly isFirst: boolean;
  /** Seed of a metric's intervals; undefined: it has none. */
  readonly seedFor: (metric: RecordMetric) => number | undefined;
}

/** One pass over the rows, for a few metrics of all groups. */
function readColumns(
  rows: GroupedRows,
  metrics: readonly RecordMetric[],
  gathered: Gathered[],
  { isFirst, seedFor }: ColumnsPass,
): void {
  const isOfPhases = rows.keys.length === 0 && rows.filter.where === undefined;
  const columns = isOfPhases ? phaseColumns(rows, metrics, isFirst) : groupColumns(rows, metrics, isFirst);
  if (isFirst) for (const tally of rows.groups.tallies) gathered.push({ tally, metrics: new Map() });
  for (const [group, { metrics: found }] of gathered.entries()) {
    for (const [index, metric] of metrics.entries()) {
      const { tag, header, unit } = metric;
      const values = columns[group]?.[index]?.values() ?? new Float64Array();
      const statistics = statisticsOf(values);
      if (statistics === undefined) continue;
      const seed = seedFor(metric);
      const intervals = seed === undefined ? undefined : intervalsOf(values, randomStream(seed, "intervals", tag));
      found.set(tag, { tag, header, unit, statistics, intervals });
    }
  }
}

/** The values of every group, metric by metric; the rows are counted where they are read first. */
function groupColumns(rows: GroupedRows, metrics: readonly RecordMetric[], isFirst: boolean): Column[][] {
  const { groups } = rows;
  const at = KEYS_AT + rows.keys.length;
  const columns: Column[][] = [];
  const tags = metrics.map(({ tag }) => tag);
  for (const page of pagesOf(rows, tags)) {
    for (const row of page) {
      const outcome = row[2] === 1 ? "cancelled" : row[3] === null ? "succeeded" : "errored";
      const phase = row[1] as number;
      const index = isFirst ? groups.count(phase, row, KEYS_AT, outcome) : groups.indexOf(phase, row, KEYS_AT);
      if (index === undefined) continue;
      if (isFirst && outcome === "succeeded") groups.countCheck(index, row[4] === null ? null : row[4] === 1);
      columns[index] ??= metrics.map(() => new Column());
      pushRow(columns[index], metrics, row, { at, isFailure: outcome !== "succeeded" });
    }
  }
  return columns;
}

/** The same of whole phases, for which no row has to be made of the columns. */
function phaseColumns({ reader, filter, groups }: GroupedRows, metrics: readonly RecordMetric[], isFirst: boolean): Column[][] {
  const columns: Column[][] = [];
  const expected = Math.min(reader.rowBound(), MOST_EXPECTED);
  const head = [...OUTCOME_COLUMNS, "is_correct"];
  for (const chunk of reader.chunks([...head, ...metrics.map(({ tag }) => tag)])) {
    const isSuccess = successesOf(chunk);
    if (isFirst) countPhases(chunk, isSuccess, filter.phase, groups);
    for (const [index, metric] of metrics.entries()) {
      const isTaken = metric.isOfFailures === true ? undefined : isSuccess;
      pushValues(chunk, head.length + index, isTaken, (phase) => {
        const group = groups.indexOf(phase, [], 0);
        if (group === undefined) return undefined;
        columns[group] ??= metrics.map(() => new Column(expected));
        return columns[group][index];
      });
    }
  }
  return columns;
}

/** Of one phase, or of all. */
function countPhases(chunk: RowChunk, isSuccess: Uint8Array, only: number | undefined, groups: RecordGroups): void {
  const [isCancelled, , isCorrect] = chunk.columns;
  for (let place = 0; place < chunk.phases.length; place++) {
    const phase = chunk.phases[place] as number;
    if (Number.isNaN(phase) || (only !== undefined && phase !== only)) continue;
    const outcome = isCancelled?.[place] === 1 ? "cancelled" : isSuccess[place] === 1 ? "succeeded" : "errored";
    const index = groups.count(phase, [], 0, outcome);
    const checked = isCorrect?.[place] ?? Number.NaN;
    if (index !== undefined && outcome === "succeeded") groups.countCheck(index, Number.isNaN(checked) ? null : checked === 1);
  }
}

function pushRow(
  columns: readonly Column[],
  metrics: readonly RecordMetric[],
  row: readonly unknown[],
  { at, isFailure }: { readonly at: number; readonly isFailure: boolean },
): void {
  for (let index = 0; index < metrics.length; index++) {
    const value = row[at + index];
    if (typeof value === "number" && (!isFailure || metrics[index]?.isOfFailures === true)) columns[index]?.push(value);
  }
}

/** Gaps between chunks of succeeded requests: in one pass over the rows, or in several where distributions would take more than the budget. */
function readGaps(rows: GroupedRows, gathered: readonly Gathered[], budgetBytes: number): void {
  for (let from = 0; from < gathered.length; ) {
    const distributions = gapsFrom(rows, from, gathered.length, budgetBytes);
    for (const [index, distribution] of distributions.entries()) {
      const statistics = distribution.statistics();
      if (statistics === undefined) continue;
      for (const { tag, header, unit } of listMetrics) {
        gathered[from + index]?.metrics.set(tag, { tag, header, unit, statistics });
      }
    }
    from += distributions.length;
  }
}

/** Of the groups from one on up to another, as many as fit in the budget, one at least. */
function gapsFrom(rows: GroupedRows, from: number, to: number, budgetBytes: number): GapDistribution[] {
  const at = KEYS_AT + rows.keys.length;
  const distributions = Array.from({ length: to - from }, () => new GapDistribution());
  let sizeBytes = distributions.reduce((sum, distribution) => sum + distribution.sizeBytes, 0);
  for (const page of pagesOf(rows, ["content_stamps"], 1000)) {
    for (const row of page) {
      if (row[2] === 1 || row[3] !== null) continue;
      const index = rows.groups.indexOf(row[1] as number, row, KEYS_AT);
      const distribution = index === undefined ? undefined : distributions[index - from];
      if (distribution === undefined) continue;
      sizeBytes -= distribution.sizeBytes;
      forEachGap(row[at] as Uint8Array, (gapUs) => distribution.add(gapUs));
      sizeBytes += distribution.sizeBytes;
      while (sizeBytes > budgetBytes && distributions.length > 1) sizeBytes -= distributions.pop()?.sizeBytes ?? 0;
    }
  }
  return distributions;
}

function told(
  reader: RunReader,
  keys: readonly GroupField[],
  { ofRequests, ofLists, ofGroups }: GroupMetrics,
  gathered: readonly Gathered[],
): RecordGroup[] {
  const phaseNames = new Map(reader.phases().map(({ phase, name }) => [phase, name]));
  const names = keys.map(({ field }) => namesOf(reader, field.kind));
  const spans: ReadonlyMap<number, SuccessSpan> = ofGroups.length === 0 ? new Map() : successSpans(reader);
  const ordered = gathered.toSorted((one, other) => compareGroups(one.tally, other.tally));
  return ordered.map(({ tally, metrics }) => {
    const { phase, succeeded, errored, cancelled } = tally;
    const facts = factsOf(tally, spans.get(phase), metrics);
    return {
      phase: phaseNames.get(phase) ?? String(phase),
      keys: keys.map(({ name: field }, index): GroupKey => {
        const value = tally.keys[index];
        return { field, value, name: typeof value === "number" ? names[index]?.get(value) : undefined };
      }),
      succeeded,
      errored,
      cancelled,
      metrics: [...ofRequests, ...ofLists].flatMap(({ tag }) => metrics.get(tag) ?? []),
      ofGroup: ofGroups.flatMap((metric) => {
        const value = metric.value(facts);
        const { tag, header, unit } = metric;
        return value === undefined ? [] : [{ tag, header, unit, value }];
      }),
    };
  });
}

/** What indices of a field are called. */
function namesOf(reader: RunReader, kind: FilterKind): ReadonlyMap<number, string> {
  if (kind.is !== "named") return new Map();
  switch (kind.by) {
    case "phases":
      return new Map(reader.phases().map(({ phase, name }) => [phase, name]));
    case "targets":
      return new Map(targetLabels(reader.run().spec).entries());
    case "conversations":
      return reader.conversationNames();
  }
}

/** As far as `groupRunMetrics` look at them. */
function factsOf(
  { succeeded, errored, cancelled, correct, incorrect }: GroupTally,
  span: { readonly firstSentNs: number; readonly lastContentNs: number } | undefined,
  metrics: ReadonlyMap<string, MetricStatistics>,
): RunFacts {
  const statistics = (tag: string) => metrics.get(tag)?.statistics;
  const isChecked = correct + incorrect > 0;
  return {
    requestCount: succeeded,
    errorRequestCount: errored + cancelled,
    goodRequestCount: undefined,
    goodOutputTokens: undefined,
    usageDiscrepancies: undefined,
    lengthMismatches: undefined,
    correctRequestCount: isChecked ? correct : undefined,
    incorrectRequestCount: isChecked ? incorrect : undefined,
    errorCount: () => 0,
    networkRttMs: undefined,
    isReplay: false,
    stalls: undefined,
    concurrency: undefined,
    gpuEnergy: () => undefined,
    firstSentNs: span?.firstSentNs,
    lastContentNs: span?.lastContentNs,
    wallOffsetNs: 0,
    sum: (tag) => statistics(tag)?.sum,
    statistics,
  };
}
