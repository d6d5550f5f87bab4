/** Groups of requests as messages, and which statistics of a metric are told. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  RecordGroupSchema,
  SummarizeRecordsResponseSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { metricsByTag } from "../../metrics/catalog.ts";
import { AssayError } from "../common/errors.ts";
import { shortNames, tagNamed } from "../common/metric-names.ts";
import { didYouMean } from "../common/nearest.ts";
import { PERCENTILES } from "../common/percentiles.ts";
import { distributionOf, type MetricInit, runValueOf } from "./metric-wire.ts";
import type { GroupKey, GroupsAnswer, RecordGroup } from "./query-groups.ts";

type GroupInit = Exclude<MessageInitShape<typeof RecordGroupSchema>, { $typeName: string }>;

const statisticNames = ["min", "max", "sum", "std", ...PERCENTILES.map((percentile) => `p${percentile}` as const)] as const;

/** Leaves out of a metric what nobody asked for. */
export type ChooseStatistics = (metric: MetricInit) => MetricInit;

/** Names of statistics; empty: all. Throws `invalid_argument` for another. */
export function chosenStatistics(names: readonly string[]): ChooseStatistics {
  // Both are always there.
  const given = names.filter((name) => name !== "avg" && name !== "count");
  for (const name of given) {
    if (statisticNames.some((known) => known === name)) continue;
    const expected = `expected count, avg, ${statisticNames.join(", ")}`;
    throw new AssayError("invalid_argument", `statistics: unknown ${name}${didYouMean(name, statisticNames)}\n    ${expected}`);
  }
  if (names.length === 0) return (metric) => metric;
  const isKept = (name: string): boolean => name === "avg" || given.includes(name);
  return (metric) => {
    const kept = { ...metric };
    for (const name of statisticNames) if (!isKept(name)) delete kept[name];
    return {
      ...kept,
      thinPercentiles: metric.thinPercentiles?.filter(isKept) ?? [],
      intervals: metric.intervals?.filter(({ statistic = "" }) => isKept(statistic)) ?? [],
    };
  };
}

/** What is told of a phase's metrics; by tags or short names, empty: all. Throws `invalid_argument` for a name that no metric has. */
export function chosenMetrics(
  names: readonly string[],
  choose: ChooseStatistics,
): (metrics: readonly MetricInit[]) => MetricInit[] {
  for (const name of names) {
    if (metricsByTag.has(tagNamed(name))) continue;
    const known = [...metricsByTag.keys(), ...Object.keys(shortNames)];
    throw new AssayError("invalid_argument", `metrics: unknown ${name}${didYouMean(name, known)}`);
  }
  const wanted = new Set(names.map(tagNamed));
  return (metrics) => metrics.filter(({ tag = "" }) => names.length === 0 || wanted.has(tag)).map(choose);
}

export function groupsResponseOf(
  { groups, leftOut }: GroupsAnswer,
  { runId, database, choose }: { readonly runId: string; readonly database: string; readonly choose: ChooseStatistics },
): MessageInitShape<typeof SummarizeRecordsResponseSchema> {
  return { runId, database, leftOutRequests: BigInt(leftOut), groups: groups.map((group) => groupOf(group, choose)) };
}

function groupOf({ phase, keys, metrics, ofGroup, ...counts }: RecordGroup, choose: ChooseStatistics): GroupInit {
  return {
    phase,
    keys: keys.map(({ field, value, name = "" }) => ({ field, name, value: wireValueOf(value) })),
    succeeded: BigInt(counts.succeeded),
    errored: BigInt(counts.errored),
    cancelled: BigInt(counts.cancelled),
    metrics: [...metrics.map((metric) => choose(distributionOf(metric))), ...ofGroup.map(runValueOf)],
  };
}

function wireValueOf(value: GroupKey["value"]) {
  switch (typeof value) {
    case "string":
      return { case: "text", value } as const;
    case "number":
      return { case: "number", value } as const;
    case "boolean":
      return { case: "flag", value } as const;
    default:
      return { case: undefined };
  }
}
