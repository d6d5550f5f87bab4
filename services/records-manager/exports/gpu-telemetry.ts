/**
 * GPUs over the measured phases as AIPerf's files show them: the fields that AIPerf has, under its names and in its units. A gauge
 * has the statistics of its samples (the deviation is that of a sample, ddof = 1), a counter what it rose by. Of the other fields
 * `run.db` has every sample.
 */
import { type Statistics, statisticsOf } from "../core/statistics.ts";
import type { SeriesPoints, SeriesRow } from "../core/telemetry-rows.ts";
import type { RunReader } from "../store/run-reader.ts";
import type { ExportContext } from "./exporter.ts";
import { distributionJson } from "./file-metrics.ts";
import { Float, type JsonObject } from "./json-text.ts";
import { localTime } from "./local-time.ts";

export interface GpuSummary {
  /** Address of the page, as short as AIPerf shows it: `host:port/path`. */
  readonly endpoint: string;
  readonly index: number;
  /** Key of a MIG instance on its GPU; empty: the GPU itself. */
  readonly instance: string;
  readonly name: string;
  readonly uuid: string;
  readonly platform: string;
  readonly hostname: string | undefined;
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  /** Those with samples, in AIPerf's order. */
  readonly fields: readonly GpuFieldSummary[];
}

interface GpuFieldSummary extends Pick<ExportField, "field" | "title" | "unit"> {
  readonly statistics: Statistics | { readonly value: number };
}

interface ExportField {
  readonly field: string;
  readonly title: string;
  readonly unit: string;
  /** Stored value × scale = value in `unit`. Default: 1. */
  readonly scale?: number;
  readonly isCounter?: true;
}

const exportFields: readonly ExportField[] = [
  { field: "nvidia_power_usage", title: "NVIDIA GPU Power Usage", unit: "W" },
  { field: "nvidia_energy_consumption", title: "NVIDIA Energy Consumption", unit: "MJ", scale: 1e-6, isCounter: true },
  { field: "nvidia_gpu_utilization", title: "NVIDIA GPU Utilization", unit: "%" },
  { field: "nvidia_memory_utilization", title: "NVIDIA Memory Utilization", unit: "%" },
  { field: "nvidia_memory_used", title: "NVIDIA GPU Memory Used", unit: "GB" },
  { field: "nvidia_temperature", title: "NVIDIA GPU Temperature", unit: "°C" },
  { field: "nvidia_sm_utilization", title: "NVIDIA SM Utilization", unit: "%" },
  { field: "nvidia_decoder_utilization", title: "NVIDIA Decoder Utilization", unit: "%" },
  { field: "nvidia_encoder_utilization", title: "NVIDIA Encoder Utilization", unit: "%" },
  // The code of an error; AIPerf shows how far it rose.
  { field: "nvidia_xid_errors", title: "NVIDIA XID Errors", unit: "count", isCounter: true },
  { field: "nvidia_power_violation", title: "NVIDIA Power Violation", unit: "us", isCounter: true },
];

/** In the order in which they were first seen; undefined: the run was told to leave GPUs alone. */
export function gpuSummaries({ reader, spec }: ExportContext): GpuSummary[] | undefined {
  if (spec.telemetry?.disableGpu === true) return undefined;
  const gpus = gpusOf(reader);
  const fromNs = reader.phases().find(({ kind }) => kind === "profiling")?.startedNs;
  if (gpus.length === 0 || fromNs === undefined) return [];
  const fields = new Map<string, GpuFieldSummary[]>();
  // One field at a time: all samples of a long run do not fit in memory.
  for (const field of exportFields) {
    const series = reader.series({ names: [field.field] });
    const points = reader.seriesPoints(
      series.map((one) => one.series),
      0,
      Number.MAX_SAFE_INTEGER,
    );
    for (const one of series) {
      const summary = fieldSummary(field, points.get(one.series), fromNs);
      if (summary !== undefined) fields.set(keyOf(one), [...(fields.get(keyOf(one)) ?? []), summary]);
    }
  }
  return gpus.map((gpu, place) => gpuSummary(gpu, place, fields.get(keyOf(gpu)) ?? []));
}

/** A series of each GPU, in the order in which they were first seen. */
function gpusOf(reader: RunReader): SeriesRow[] {
  const series = reader.series({ kinds: ["dcgm"] }).filter(({ subject }) => subject !== "");
  return [...Map.groupBy(series, keyOf).values()].flatMap(([first]) => first ?? []);
}

/** `telemetry_data` of the summary; undefined: the run was told to leave GPUs alone. */
export function gpuTelemetry(context: ExportContext): JsonObject | undefined {
  const gpus = gpuSummaries(context);
  if (gpus === undefined) return undefined;
  const { reader, spec } = context;
  const successful = [...new Set(gpusOf(reader).map(({ source }) => source))];
  const configured = [...new Set([...(spec.telemetry?.dcgmUrls ?? []), ...successful])];
  const { suiteWallOffsetNs } = reader.run();
  const measured = reader.phases().filter(({ kind }) => kind === "profiling");
  const timeOf = (ns: number | undefined) => (ns === undefined ? undefined : localTime(ns + suiteWallOffsetNs));
  return {
    summary: {
      endpoints_configured: configured,
      endpoints_successful: successful,
      start_time: timeOf(measured.at(0)?.startedNs),
      end_time: timeOf(measured.at(-1)?.endedNs),
    },
    endpoints: Object.fromEntries(
      [...Map.groupBy(gpus, ({ endpoint }) => endpoint)].map(([endpoint, found]) => [
        endpoint,
        { gpus: Object.fromEntries(found.map((gpu) => [`gpu_${gpu.index}${gpu.instance}`, gpuJson(gpu)])) },
      ]),
    ),
    error_summary: [],
  };
}

function gpuJson({ index, name, uuid, platform, hostname, namespace, pod, fields }: GpuSummary): JsonObject {
  return {
    gpu_index: index,
    gpu_name: name,
    gpu_uuid: uuid,
    platform,
    hostname,
    namespace,
    pod_name: pod,
    metrics: Object.fromEntries(
      fields.map(({ field, unit, statistics }) => [
        field,
        "value" in statistics ? { unit, avg: new Float(statistics.value) } : { unit, ...distributionJson(statistics) },
      ]),
    ),
  };
}

function fieldSummary(
  { field, title, unit, scale = 1, isCounter }: ExportField,
  points: SeriesPoints | undefined,
  fromNs: number,
): GpuFieldSummary | undefined {
  const first = points?.ns.findIndex((ns) => ns >= fromNs) ?? -1;
  if (points === undefined || first < 0) return undefined;
  if (isCounter === true) {
    // What it was just before the measured phases is what it rose from.
    return { field, title, unit, statistics: { value: riseOf(points.values.subarray(Math.max(0, first - 1))) * scale } };
  }
  const values = points.values.subarray(first).map((value) => value * scale);
  const statistics = statisticsOf(values);
  if (statistics === undefined) return undefined;
  const { count, std } = statistics;
  return { field, title, unit, statistics: { ...statistics, std: count > 1 ? std * Math.sqrt(count / (count - 1)) : 0 } };
}

/** Where a counter fell, its driver was loaded anew: what was counted in that step is not known and not guessed. */
function riseOf(readings: Float64Array): number {
  return readings.reduce((sum, value, at) => sum + Math.max(0, value - (readings[at - 1] ?? value)), 0);
}

function gpuSummary({ source, subject, labels }: SeriesRow, place: number, fields: readonly GpuFieldSummary[]): GpuSummary {
  const slash = subject.indexOf("/");
  const index = Number(labels.index);
  return {
    endpoint: endpointOf(source),
    index: labels.index !== undefined && Number.isInteger(index) ? index : place,
    instance: slash < 0 ? "" : subject.slice(slash),
    name: labels.model ?? "",
    uuid: subject,
    platform: "nvidia",
    hostname: labels.hostname,
    namespace: labels.namespace,
    pod: labels.pod,
    fields,
  };
}

function endpointOf(source: string): string {
  const url = URL.parse(source);
  return url === null ? source : url.host + url.pathname.replace(/\/metrics$/, "").replace(/^\/$/, "");
}

function keyOf({ source, subject }: { readonly source: string; readonly subject: string }): string {
  return `${source} ${subject}`;
}
