/** Metrics as messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MetricStatisticsSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import { metricsByTag } from "../../metrics/catalog.ts";
import type { Intervals } from "./core/confidence.ts";
import { thinPercentiles } from "./core/notes.ts";
import type { MetricStatistics, MetricValue } from "./core/run-summary.ts";

export type MetricInit = Exclude<MessageInitShape<typeof MetricStatisticsSchema>, { $typeName: string }>;

/** What is known of a metric by its tag, without a value. */
export function headOf(tag: string): MetricInit {
  const metric = metricsByTag.get(tag);
  if (metric === undefined) return { tag };
  const { header, unit, consoleOrder, isLargerBetter, group = "" } = metric;
  return { tag, header, unit, isLargerBetter, group, ...(consoleOrder === undefined ? {} : { consoleOrder }) };
}

/** A distribution, with the percentiles that too few values lie beyond. */
export function distributionOf({ tag, statistics: { count, ...values }, intervals }: MetricStatistics): MetricInit {
  return {
    ...headOf(tag),
    count: BigInt(count),
    ...values,
    thinPercentiles: thinPercentiles(count),
    intervals: intervalsOf(intervals),
  };
}

function intervalsOf(intervals: Intervals | undefined): NonNullable<MetricInit["intervals"]> {
  return Object.entries(intervals ?? {}).flatMap(([statistic, interval]) =>
    interval === undefined ? [] : [{ statistic, ...interval }],
  );
}

/** A value of a whole phase. */
export function runValueOf({ tag, value }: MetricValue): MetricInit {
  return { ...headOf(tag), avg: value };
}
