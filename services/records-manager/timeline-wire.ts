/** Timelines of the domain as messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetTimelineResponseSchema } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { TimelineBucket } from "./core/timeline.ts";
import type { TimelineAnswer } from "./query-timeline.ts";
import type { TimelineSeries } from "./timeline-series.ts";
import { bucketUsageOf } from "./validity-wire.ts";

export function timelineOf({
  originWallNs,
  buckets,
  series,
}: TimelineAnswer): MessageInitShape<typeof GetTimelineResponseSchema> {
  return {
    ...(originWallNs === undefined ? {} : { originWallNs }),
    buckets: buckets.map(bucketOf),
    series: series.map(seriesOf),
  };
}

function bucketOf(bucket: TimelineBucket) {
  const { completed, failed, timeToFirstTokenP50Ms, timeToFirstTokenP99Ms, due, sent, lateness, usage, ...rates } = bucket;
  return {
    ...rates,
    completed: BigInt(completed),
    failed: BigInt(failed),
    due: BigInt(due),
    sent: BigInt(sent),
    ...(lateness === undefined
      ? {}
      : { latenessP50Ms: lateness.p50Ns / 1e6, latenessP99Ms: lateness.p99Ns / 1e6, latenessMaxMs: lateness.maxNs / 1e6 }),
    ...(usage === undefined ? {} : { usage: bucketUsageOf(usage) }),
    ...(timeToFirstTokenP50Ms === undefined ? {} : { ttftP50Ms: timeToFirstTokenP50Ms }),
    ...(timeToFirstTokenP99Ms === undefined ? {} : { ttftP99Ms: timeToFirstTokenP99Ms }),
  };
}

function seriesOf({ series, kind, columns }: TimelineSeries) {
  const { kind: sourceKind, source, subject, name, unit, labels } = series;
  return { kind: sourceKind, source, subject, name, unit, labels, isRate: kind === "counter", ...columns };
}
