/** Tables of groups of requests. Pure. */
import type { MetricStatistics } from "../gen/assay/records_manager/v1/record_pb.js";
import type { GroupKey, RecordGroup } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { estimates } from "./confidence.ts";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { clip, figure, harmless, whole } from "./text.ts";

export const groupStatistics = [
  "avg",
  "min",
  "max",
  "sum",
  "std",
  "p1",
  "p5",
  "p10",
  "p25",
  "p50",
  "p75",
  "p90",
  "p95",
  "p99",
] as const;
export type GroupStatistic = (typeof groupStatistics)[number];

export interface GroupsStyle {
  readonly width: number;
  readonly paint: Paint;
  /** Columns beside the count. */
  readonly statistics: readonly GroupStatistic[];
}

const longestKey = 40;

/** What requests were told apart by; the phase, which every group has, is none of them. */
export function keysOf({ keys }: RecordGroup): readonly GroupKey[] {
  return keys.filter(({ field }) => field !== "phase");
}

/** A key in words: by its name where it has one; undefined: these requests have no such value. */
export function keyText({ name, value }: GroupKey): string | undefined {
  return name !== "" ? name : value.case === undefined ? undefined : String(value.value);
}

/** A table of counts, then one of each metric, a row a group; without keys one of all metrics for each phase. */
export function groupLines(groups: readonly RecordGroup[], leftOut: bigint, style: GroupsStyle): string[] {
  if (groups.length === 0) return ["no request passes"];
  const hasKeys = groups.some((group) => keysOf(group).length > 0);
  const blocks = [countLines(groups, style), ...(hasKeys ? byMetric(groups, style) : byPhase(groups, style))];
  const isThin = groups.some(({ metrics }) =>
    metrics.some(({ thinPercentiles }) => style.statistics.some((name) => thinPercentiles.includes(name))),
  );
  const notes = [
    ...(isThin ? ["* fewer than ten values lie beyond it: one or two requests' luck"] : []),
    ...(leftOut > 0n ? [`${whole(leftOut)} more requests are of further groups: only ${whole(groups.length)} are kept`] : []),
  ];
  return [...blocks, notes].filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function countLines(groups: readonly RecordGroup[], style: GroupsStyle): string[] {
  const values = metricsOf(groups).filter(isWhole);
  const columns: Column[] = [
    ...headColumns(groups),
    { header: "Succeeded", align: "right" },
    { header: "Errored", align: "right" },
    { header: "Cancelled", align: "right" },
    ...values.map(
      ({ header, unit }, index): Column => ({ header: `${header}\n(${unit})`, align: "right", dropRank: values.length - index }),
    ),
  ];
  const rows = groups.map((group) => [
    ...headCells(group, groups),
    whole(group.succeeded),
    whole(group.errored),
    whole(group.cancelled),
    ...values.map(({ tag }) => figure(group.metrics.find((metric) => metric.tag === tag)?.avg)),
  ]);
  return tableOf({ title: "Requests", columns, rows }, headColumns(groups).length, style);
}

function byMetric(groups: readonly RecordGroup[], style: GroupsStyle): string[][] {
  const distributions = metricsOf(groups).filter((metric) => !isWhole(metric));
  return distributions.map(({ tag, header, unit }) => {
    const rows = groups.flatMap((group) => {
      const metric = group.metrics.find((each) => each.tag === tag);
      return metric === undefined ? [] : [[...headCells(group, groups), ...figureCells(metric, style)]];
    });
    const head = headColumns(groups);
    return tableOf({ title: `${header} (${unit})`, columns: [...head, ...figureColumns(style)], rows }, head.length, style);
  });
}

function byPhase(groups: readonly RecordGroup[], style: GroupsStyle): string[][] {
  const columns: Column[] = [{ header: "Metric", align: "right", minWidth: 18 }, ...figureColumns(style)];
  return groups.map(({ phase, metrics }) => {
    const rows = metrics
      .filter((metric) => !isWhole(metric))
      .map((metric) => [`${metric.header} (${metric.unit})`, ...figureCells(metric, style)]);
    return rows.length === 0 ? [] : tableOf({ title: harmless(phase), columns, rows }, 1, style);
  });
}

function tableOf(table: Parameters<typeof tableLines>[0], headColumnCount: number, { width, paint }: GroupsStyle): string[] {
  return tableLines(table, Math.max(80, width), {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column < headColumnCount ? paint.cyan(text) : text === "N/A" ? paint.dim(text) : paint.green(text)),
  });
}

/** Phases are told apart where there are several. */
function hasPhases(groups: readonly RecordGroup[]): boolean {
  const [first] = groups;
  return groups.some(({ phase }) => phase !== first?.phase) || (first !== undefined && keysOf(first).length === 0);
}

function headColumns(groups: readonly RecordGroup[]): Column[] {
  const [first] = groups;
  const keys = first === undefined ? [] : keysOf(first).map(({ field }) => field);
  return [...(hasPhases(groups) ? ["phase"] : []), ...keys].map((header) => ({ header, align: "left" }));
}

function headCells(group: RecordGroup, groups: readonly RecordGroup[]): string[] {
  const cells = [...(hasPhases(groups) ? [group.phase] : []), ...keysOf(group).map((key) => keyText(key) ?? "none")];
  return cells.map((text) => clip(harmless(text), longestKey));
}

function figureColumns({ statistics }: GroupsStyle): Column[] {
  return [
    { header: "count", align: "right", dropRank: 0 },
    ...statistics.map((header, index): Column => ({ header, align: "right", ...(index === 0 ? {} : { dropRank: index }) })),
  ];
}

/** `12.34 (12.10 – 12.60)` where intervals were asked for. */
function figureCells(metric: MetricStatistics, { statistics }: GroupsStyle): string[] {
  const cells = statistics.map((name) => {
    const mark = metric.thinPercentiles.includes(name) ? "*" : "";
    return `${figure(metric[name])}${mark}${rangeOf(metric, name)}`;
  });
  return [whole(metric.count), ...cells];
}

function rangeOf({ intervals }: MetricStatistics, name: GroupStatistic): string {
  const interval = intervals.find(({ statistic }) => statistic === name);
  if (interval !== undefined) return ` (${figure(interval.low)} – ${figure(interval.high)})`;
  return intervals.length > 0 && estimates.some((estimate) => estimate === name) ? " (too few)" : "";
}

/** Those that any group has, in the console's order. */
function metricsOf(groups: readonly RecordGroup[]): MetricStatistics[] {
  const found = new Map(groups.flatMap(({ metrics }) => metrics.map((metric) => [metric.tag, metric] as const)));
  const last = Number.POSITIVE_INFINITY;
  return [...found.values()].sort((one, other) => (one.consoleOrder ?? last) - (other.consoleOrder ?? last));
}

/** It is one value of the whole group. */
function isWhole({ count }: MetricStatistics): boolean {
  return count === 0n;
}
