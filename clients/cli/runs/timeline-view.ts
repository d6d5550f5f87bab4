/** A run over time as a table, as values with commas, and for programs. Pure. */
import type {
  GetTimelineResponse,
  TimelineBucket,
  TimelineSeries,
} from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { figure, harmless, whole } from "../../../report/text.ts";
import { csvLine } from "./csv.ts";

/** What is told of requests in each bucket, by its name in the proto. */
const timelineMetrics = {
  sent: ({ sent }) => Number(sent),
  completed: ({ completed }) => Number(completed),
  failed: ({ failed }) => Number(failed),
  due: ({ due }) => Number(due),
  in_flight: ({ inFlight }) => inFlight,
  completed_per_sec: ({ completedPerSec }) => completedPerSec,
  tokens_per_sec: ({ tokensPerSec }) => tokensPerSec,
  ttft_p50_ms: ({ ttftP50Ms }) => ttftP50Ms,
  ttft_p99_ms: ({ ttftP99Ms }) => ttftP99Ms,
  lateness_p50_ms: ({ latenessP50Ms }) => latenessP50Ms,
  lateness_p99_ms: ({ latenessP99Ms }) => latenessP99Ms,
  lateness_max_ms: ({ latenessMaxMs }) => latenessMaxMs,
} as const satisfies Readonly<Record<string, (bucket: TimelineBucket) => number | undefined>>;

export type TimelineMetric = keyof typeof timelineMetrics;

export const timelineMetricNames = Object.keys(timelineMetrics) as TimelineMetric[];

const headers: Readonly<Record<TimelineMetric, string>> = {
  sent: "Sent",
  completed: "Ended",
  failed: "Failed",
  due: "Due",
  in_flight: "In flight",
  completed_per_sec: "Ended/s",
  tokens_per_sec: "Tokens/s",
  ttft_p50_ms: "TTFT p50 (ms)",
  ttft_p99_ms: "TTFT p99 (ms)",
  lateness_p50_ms: "Late p50 (ms)",
  lateness_p99_ms: "Late p99 (ms)",
  lateness_max_ms: "Late max (ms)",
};

/** Those of a table where nobody says. */
export const tableMetrics: readonly TimelineMetric[] = [
  "sent",
  "completed",
  "failed",
  "in_flight",
  "tokens_per_sec",
  "ttft_p50_ms",
  "ttft_p99_ms",
];

/** Columns behind each other: a header, and a text a bucket that is empty where nothing is known. */
export interface TimelineColumn {
  readonly header: string;
  readonly cells: readonly string[];
}

/** For eyes: of a gauge its mean alone. */
export function tableColumns({ buckets, series }: GetTimelineResponse, metrics: readonly TimelineMetric[]): TimelineColumn[] {
  const titles = titlesOf(series);
  return [
    { header: "Time (s)", cells: buckets.map(({ startMs }) => figure(startMs / 1000)) },
    ...metrics.map((name) => ({ header: headers[name], cells: buckets.map((bucket) => shown(timelineMetrics[name](bucket))) })),
    ...series.map((one, at) => ({
      header: `${titles[at]}${unitOf(one) === "" ? "" : ` (${unitOf(one)})`}`,
      cells: spread(one.buckets, one.mean, buckets.length).map(shown),
    })),
  ];
}

/** A line a bucket; of a gauge its mean, least and greatest. */
export function timelineCsv({ buckets, series }: GetTimelineResponse, metrics: readonly TimelineMetric[]): string {
  const titles = titlesOf(series);
  const columns = [
    { header: "start_sec", values: buckets.map(({ startMs }): number | undefined => startMs / 1000) },
    ...metrics.map((name) => ({ header: name, values: buckets.map((bucket) => timelineMetrics[name](bucket)) })),
    ...series.flatMap((one, at) => {
      const values = (column: readonly number[]) => spread(one.buckets, column, buckets.length);
      if (one.isRate) return [{ header: `${titles[at]} rate`, values: values(one.mean) }];
      return (["mean", "min", "max"] as const).map((name) => ({ header: `${titles[at]} ${name}`, values: values(one[name]) }));
    }),
  ];
  const rows = buckets.map((_, row) => columns.map(({ values }) => String(values[row] ?? "")));
  return [columns.map(({ header }) => header), ...rows].map((cells) => `${csvLine(cells)}\n`).join("");
}

/** Names are the protos'; what is not known is null, and a series names the buckets that it has values of. */
export function timelineJson(
  runId: string,
  stepMs: number,
  { originWallNs, buckets, series }: GetTimelineResponse,
  metrics: readonly TimelineMetric[],
): object {
  return {
    run_id: runId,
    origin: originWallNs === undefined ? null : new Date(originWallNs / 1e6).toISOString(),
    step_ms: stepMs,
    buckets: buckets.map((bucket) => ({
      start_ms: bucket.startMs,
      ...Object.fromEntries(metrics.map((name) => [name, timelineMetrics[name](bucket) ?? null])),
    })),
    series: series.map(({ kind, source, subject, name, unit, labels, isRate, buckets: places, mean, min, max }) => ({
      kind,
      source,
      subject,
      name,
      unit,
      labels,
      ...(isRate ? { buckets: places, rate: mean } : { buckets: places, mean, min, max }),
    })),
  };
}

/** Names, with what tells series of one name apart between brackets. */
export function titlesOf(series: readonly TimelineSeries[]): string[] {
  const alike = Map.groupBy(series, ({ name }) => name);
  return series.map((one) => {
    const facts = alike.get(one.name)?.map(factsOf) ?? [];
    const own = factsOf(one);
    const apart = Object.keys(own).filter((fact) => facts.some((other) => other[fact] !== own[fact]));
    // One that none shares is enough: a GPU's index, and not its bus and device besides.
    const only = apart.find((fact) => new Set(facts.map((other) => other[fact])).size === facts.length);
    const text = (only === undefined ? apart : [only]).map((fact) => `${fact}="${own[fact]}"`).join(",");
    return harmless(text === "" ? one.name : `${one.name}{${text}}`);
  });
}

function factsOf({ labels, subject, source }: TimelineSeries): Readonly<Record<string, string>> {
  return { ...labels, subject, source };
}

function unitOf({ unit, isRate }: TimelineSeries): string {
  return isRate ? `${unit}/s` : unit;
}

/** Values in the places of their buckets. */
function spread(places: readonly number[], values: readonly number[], length: number): (number | undefined)[] {
  const all = new Array<number | undefined>(length).fill(undefined);
  for (const [at, place] of places.entries()) all[place] = values[at];
  return all;
}

function shown(value: number | undefined): string {
  if (value === undefined) return "";
  // What is large is told apart by its first digits.
  if (Math.abs(value) >= 1000) return whole(Math.round(value));
  return Number.isInteger(value) ? String(value) : figure(value);
}
