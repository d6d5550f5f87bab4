/** Groups of requests for programs. Pure. */
import type { MetricStatistics } from "../../../gen/assay/records_manager/v1/record_pb.js";
import type { GroupKey, RecordGroup } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { estimates } from "../../../report/confidence.ts";
import { groupStatistics, keysOf, keyText } from "../../../report/groups.ts";
import { harmless } from "../../../report/text.ts";
import { metricsJson } from "../summary-json.ts";
import { csvLine } from "./csv.ts";

/** Names are the protos', a key that the requests have no value of is null. */
export function groupsJson(runId: string, groups: readonly RecordGroup[], leftOut: bigint): object {
  return {
    run_id: runId,
    groups: groups.map((group) => ({
      phase: group.phase,
      keys: Object.fromEntries(keysOf(group).map((key) => [key.field, keyValue(key)])),
      succeeded: Number(group.succeeded),
      errored: Number(group.errored),
      cancelled: Number(group.cancelled),
      metrics: metricsJson(group.metrics),
    })),
    left_out_requests: Number(leftOut),
  };
}

function keyValue({ name, value }: GroupKey): string | number | boolean | null {
  return name === "" ? (value.value ?? null) : name;
}

/** A line for each metric of each group; cells without a value are empty. */
export function groupsCsv(groups: readonly RecordGroup[], withIntervals: boolean): string {
  const keys = groups[0] === undefined ? [] : keysOf(groups[0]).map(({ field }) => field);
  const counts = ["succeeded", "errored", "cancelled"];
  const bounds = withIntervals ? estimates.flatMap((name) => [`${name}_low`, `${name}_high`]) : [];
  const header = ["phase", ...keys, ...counts, "metric", "unit", "count", ...groupStatistics, "thin_percentiles", ...bounds];
  const lines = groups.flatMap((group) => {
    const head = [
      group.phase,
      ...keysOf(group).map((key) => keyText(key) ?? ""),
      ...[group.succeeded, group.errored, group.cancelled].map(String),
    ].map(harmless);
    const rows = group.metrics.map((metric) => [...head, ...metricCells(metric, withIntervals)]);
    // A group without any metric still has its counts.
    return rows.length === 0 ? [head] : rows;
  });
  return [header, ...lines.map((line) => [...line, ...Array<string>(header.length - line.length).fill("")])]
    .map((line) => `${csvLine(line)}\n`)
    .join("");
}

function metricCells(metric: MetricStatistics, withIntervals: boolean): string[] {
  const { tag, unit, count, thinPercentiles, intervals } = metric;
  const figures = groupStatistics.map((name) => metric[name] ?? "");
  const bounds = estimates.flatMap((name) => {
    const interval = intervals.find(({ statistic }) => statistic === name);
    return [interval?.low ?? "", interval?.high ?? ""];
  });
  const cells = [tag, unit, count === 0n ? "" : count, ...figures, thinPercentiles.join(" ")];
  return [...cells, ...(withIntervals ? bounds : [])].map(String);
}
