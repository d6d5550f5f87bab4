/** The table of several targets. Pure. */
import type { TargetSummary } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { clip, figure, harmless, whole } from "./text.ts";

/** Metrics shown, each by its median and its 99th percentile; what goes first where the terminal is narrow, too. */
const shown = [
  { tag: "time_to_first_token", name: "TTFT", dropRank: 2 },
  { tag: "inter_token_latency", name: "ITL", dropRank: 1 },
  { tag: "request_latency", name: "Latency", dropRank: 3 },
] as const;
const longestLabel = 60;

/** A row for each target, with what it answered and how fast, in ms; nothing where there is one target. */
export function targetLines(
  targets: readonly TargetSummary[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  if (targets.length === 0) return [];
  const metrics = shown.filter(({ tag }) => targets.some((target) => metricOf(target, tag) !== undefined));
  const columns: Column[] = [
    { header: "Target", align: "left", minWidth: 16 },
    { header: "Succeeded", align: "right" },
    { header: "Failed", align: "right" },
    { header: "Share", align: "right" },
    { header: "Req/s", align: "right", dropRank: 0 },
    ...metrics.flatMap(({ name, dropRank }): Column[] => [
      { header: `${name} p50\n(ms)`, align: "right", dropRank: dropRank + 3 },
      { header: `${name} p99\n(ms)`, align: "right", dropRank },
    ]),
  ];
  const rows = targets.map((target) => [
    clip(harmless(target.label), longestLabel),
    whole(target.succeeded),
    whole(target.errored + target.cancelled),
    `${(100 * target.throughputShare).toFixed(1)} %`,
    figure(target.requestThroughput),
    ...metrics.flatMap(({ tag }) => [figure(metricOf(target, tag)?.p50), figure(metricOf(target, tag)?.p99)]),
  ]);
  return tableLines({ title: "Targets", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text === "N/A" ? paint.dim(text) : paint.green(text)),
  });
}

function metricOf({ metrics }: TargetSummary, tag: string) {
  return metrics.find((metric) => metric.tag === tag);
}
