/** Which metrics groups of requests have, and those that were asked for. Pure. */
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import { correctRequestRate } from "../../../metrics/correct-request-rate.ts";
import { inputSequenceLength } from "../../../metrics/input-sequence-length.ts";
import { inputTokenThroughput } from "../../../metrics/input-token-throughput.ts";
import type { ListMetric, RecordMetric, RunMetric } from "../../../metrics/metric.ts";
import { outputSequenceLength } from "../../../metrics/output-sequence-length.ts";
import { outputTokenThroughput } from "../../../metrics/output-token-throughput.ts";
import { requestErrorRate } from "../../../metrics/request-error-rate.ts";
import { requestThroughput } from "../../../metrics/request-throughput.ts";
import { totalTokenThroughput } from "../../../metrics/total-token-throughput.ts";
import { AssayError } from "../../common/errors.ts";
import { shortNames, tagNamed } from "../../common/metric-names.ts";
import { didYouMean, nearestFew } from "../../common/nearest.ts";

/** Values of a whole group. They need no more than counts, sums of lengths and the time of the phase. */
export const groupRunMetrics: readonly RunMetric[] = [
  requestThroughput,
  outputTokenThroughput,
  inputTokenThroughput,
  totalTokenThroughput,
  requestErrorRate,
  correctRequestRate,
];

/** Names that are told of an unknown one. */
const fewNames = 5;

export interface GroupMetrics {
  readonly ofRequests: readonly RecordMetric[];
  readonly ofLists: readonly ListMetric[];
  readonly ofGroups: readonly RunMetric[];
  /** Read for the sums that `ofGroups` needs, and not told. */
  readonly forSums: readonly RecordMetric[];
}

/** By tags or short names; empty: all. Throws `invalid_argument` for a name that no group has a metric of. */
export function readGroupMetrics(names: readonly string[]): GroupMetrics {
  const all = [...recordMetrics, ...listMetrics, ...groupRunMetrics].map(({ tag }) => tag);
  const wanted = new Set(names.length === 0 ? all : names.map(tagNamed));
  for (const name of names) {
    if (all.includes(tagNamed(name))) continue;
    const known = [...all, ...Object.keys(shortNames).filter((short) => all.includes(tagNamed(short)))];
    const meant = `groups have no ${name}${didYouMean(name, known)}`;
    const few = nearestFew(name, known, fewNames).join(", ");
    throw new AssayError("invalid_argument", `metrics: ${meant}\n    nearest are ${few}; docs/metrics.md has all`);
  }
  const isWanted = ({ tag }: { readonly tag: string }): boolean => wanted.has(tag);
  const ofGroups = groupRunMetrics.filter(isWanted);
  const sums = ofGroups.length === 0 ? [] : [inputSequenceLength, outputSequenceLength];
  return {
    ofRequests: recordMetrics.filter(isWanted),
    ofLists: listMetrics.filter(isWanted),
    ofGroups,
    forSums: sums.filter((metric) => !isWanted(metric)),
  };
}
