/** The table of several load hosts. Pure. */
import type { HostSummary } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Paint } from "./paint.ts";
import { type Column, tableLines } from "./table.ts";
import { clip, figure, harmless, whole } from "./text.ts";

/** Metrics shown, each by its median and its 99th percentile; what goes first where the terminal is narrow, too. */
const shown = [
  { tag: "time_to_first_token", name: "TTFT", dropRank: 2 },
  { tag: "request_latency", name: "Latency", dropRank: 4 },
] as const;
const longestName = 40;

/** A row for each host, with what it sent, how well and how fast, and how its clock stands to the suite's; nothing where the load came from one. */
export function hostLines(
  hosts: readonly HostSummary[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): string[] {
  if (hosts.length === 0) return [];
  const metrics = shown.filter(({ tag }) => hosts.some((host) => metricOf(host, tag) !== undefined));
  const isTimed = hosts.some(({ lateness }) => lateness !== undefined);
  const hasClocks = hosts.some(({ clock }) => (clock?.uncertaintyNs ?? 0) > 0);
  const columns: Column[] = [
    { header: "Host", align: "left", minWidth: 8 },
    { header: "Workers", align: "right", dropRank: 5 },
    { header: "Succeeded", align: "right" },
    { header: "Failed", align: "right" },
    { header: "Req/s", align: "right" },
    ...metrics.flatMap(({ name, dropRank }): Column[] => [
      { header: `${name} p50\n(ms)`, align: "right", dropRank: dropRank + 1 },
      { header: `${name} p99\n(ms)`, align: "right", dropRank },
    ]),
    ...(isTimed ? [{ header: "Late p99\n(ms)", align: "right" as const, dropRank: 6 }] : []),
    { header: "Busy\n(%)", align: "right", dropRank: 7 },
    ...(hasClocks
      ? [
          { header: "Clock ±\n(ms)", align: "right" as const, dropRank: 1 },
          { header: "Drift\n(ppm)", align: "right" as const, dropRank: 0 },
        ]
      : []),
  ];
  const rows = hosts.map((host) => [
    clip(harmless(host.name), longestName),
    whole(BigInt(host.workers)),
    whole(host.succeeded),
    whole(host.errored + host.cancelled),
    figure(host.requestThroughput),
    ...metrics.flatMap(({ tag }) => [figure(metricOf(host, tag)?.p50), figure(metricOf(host, tag)?.p99)]),
    ...(isTimed ? [figure(host.lateness?.p99)] : []),
    figure(host.loopUtilizationMax === undefined ? undefined : 100 * host.loopUtilizationMax),
    ...(hasClocks
      ? [host.clock === undefined ? "N/A" : (host.clock.uncertaintyNs / 1e6).toFixed(3), host.clock?.driftPpm.toFixed(1) ?? "N/A"]
      : []),
  ]);
  return tableLines({ title: "Load Hosts", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text === "N/A" ? paint.dim(text) : paint.green(text)),
  });
}

function metricOf({ metrics }: HostSummary, tag: string) {
  return metrics.find((metric) => metric.tag === tag);
}
