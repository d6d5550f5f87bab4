/** A run over time, from its rows. */
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { timeToFirstToken } from "../../metrics/time-to-first-token.ts";
import { AssayError } from "../common/errors.ts";
import { Timeline, type TimelineBucket } from "./core/timeline.ts";
import { passingRows } from "./query-records.ts";
import { type PageFilter, RunReader } from "./store/run-reader.ts";
import { requestSpan } from "./store/run-spans.ts";
import { readTimelineSeries, type TimelineSeries } from "./timeline-series.ts";

export interface TimelineQuery {
  readonly folder: string;
  readonly bucketMs: number;
  /** Name of a phase. Default: all. */
  readonly phase?: string;
  /** Only what this worker sent, and used. Default: all workers together. */
  readonly workerId?: string;
  /** Only what the workers of this host sent, and used. Default: of all hosts. */
  readonly host?: string;
  /** Only requests that pass, as `core/filter.ts` has it; the buckets are those of all of them. Default: every request. */
  readonly filter?: string;
  /** Telemetry in the same buckets, as `core/series-selector.ts` has it. Default: none. */
  readonly series?: readonly string[];
}

export interface TimelineAnswer {
  /** Wall time of the first send, where the first bucket starts; undefined: no request, no buckets. */
  readonly originWallNs: number | undefined;
  readonly buckets: readonly TimelineBucket[];
  readonly series: readonly TimelineSeries[];
}

/** More would be a picture nobody can draw. */
const MAX_BUCKETS = 100_000;

/**
 * Throws `invalid_argument` for an unknown phase, a filter or series that cannot be read, or buckets that are not above 0 or too many for the
 * run's length.
 */
export function queryTimeline(query: TimelineQuery): TimelineAnswer {
  if (!(query.bucketMs > 0)) throw new AssayError("invalid_argument", `bucket must be > 0 ms, got ${query.bucketMs}`);
  const reader = RunReader.open(query.folder);
  try {
    // Requests that come behind the last bucket meanwhile would be counted in it.
    return reader.atOneMoment(() => readTimeline(reader, query));
  } finally {
    reader.close();
  }
}

function readTimeline(reader: RunReader, query: TimelineQuery): TimelineAnswer {
  const passing = passingRows(reader, query);
  const span = requestSpan(reader, passing.phase);
  if (span === undefined) return { originWallNs: undefined, buckets: [], series: [] };
  const bucketNs = query.bucketMs * 1e6;
  const bucketCount = Math.max(1, Math.ceil((span.lastNs - span.firstNs) / bucketNs));
  if (bucketCount > MAX_BUCKETS) {
    const length = `${((span.lastNs - span.firstNs) / 1e9).toFixed(1)} s`;
    throw new AssayError(
      "invalid_argument",
      `bucket of ${query.bucketMs} ms is too small for ${length}: over ${MAX_BUCKETS} buckets`,
    );
  }
  const timeline = new Timeline(span.firstNs, bucketNs, bucketCount);
  const isAsked = workersAsked(reader, query);
  readRequests(reader, passing, timeline, isAsked);
  reader.forEachUsage((reading) => {
    if (isAsked(reading.workerId)) timeline.addUsage(reading);
  });
  return {
    originWallNs: span.firstNs + reader.run().suiteWallOffsetNs,
    buckets: timeline.buckets(),
    series: readTimelineSeries(reader, query.series ?? [], { originNs: span.firstNs, bucketNs, bucketCount }),
  };
}

function workersAsked(reader: RunReader, { workerId, host }: TimelineQuery): (workerId: string) => boolean {
  const there = reader.members().flatMap((member) => (member.host === host ? [member.memberId] : []));
  const onHost = host === undefined ? undefined : new Set(there);
  return (id) => (workerId === undefined || id === workerId) && onHost?.has(id) !== false;
}

const COLUMNS = [
  "sent_ns",
  "end_ns",
  "first_content_ns",
  "last_content_ns",
  "is_cancelled",
  "error_code",
  outputSequenceLength.tag,
  timeToFirstToken.tag,
  "due_ns",
  "issued_ns",
  "worker_id",
  "phase",
];
type TimelineRow = [
  creditId: number,
  sentNs: number,
  endNs: number,
  firstContentNs: number | null,
  lastContentNs: number | null,
  isCancelled: number,
  errorCode: string | null,
  outputTokens: number | null,
  timeToFirstTokenMs: number | null,
  dueNs: number | null,
  issuedNs: number,
  workerId: string,
  phaseIndex: number,
];

function readRequests(reader: RunReader, passing: PageFilter, timeline: Timeline, isAsked: (workerId: string) => boolean): void {
  const withCeiling = new Set(
    reader
      .phases()
      .filter(({ hasCeiling }) => hasCeiling)
      .map((row) => row.phase),
  );
  for (const page of reader.pages(COLUMNS, passing)) {
    for (const row of page as TimelineRow[]) {
      const [, sentNs, endNs, firstContentNs, lastContentNs, isCancelled, errorCode, outputTokens, ...rest] = row;
      const [timeToFirstTokenMs, due, issuedNs, workerId, phaseIndex] = rest;
      if (!isAsked(workerId)) continue;
      const dueNs = due ?? undefined;
      timeline.add({
        dueNs,
        allowedNs: dueNs === undefined || !withCeiling.has(phaseIndex) ? dueNs : Math.max(dueNs, issuedNs),
        sentNs,
        endNs: sentNs + endNs,
        firstContentNs: firstContentNs === null ? undefined : sentNs + firstContentNs,
        lastContentNs: lastContentNs === null ? undefined : sentNs + lastContentNs,
        isSuccess: isCancelled === 0 && errorCode === null,
        outputTokens: outputTokens ?? undefined,
        timeToFirstTokenMs: timeToFirstTokenMs ?? undefined,
      });
    }
  }
}
