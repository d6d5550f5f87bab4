/**
 * GPUs over the measured phases as AIPerf's files show them: the fields that AIPerf has, under its names and in its units. A gauge
 * has the statistics of its samples (the deviation is that of a sample, ddof = 1), a counter what it rose by. Of the other fields
 * `run.db` has every sample.
 */
import type { Statistics } from "../core/statistics.ts";
import { counterFigures } from "../core/telemetry/counter.ts";
import { gaugeStatistics } from "../core/telemetry/gauge.ts";
import type { Window } from "../core/telemetry/points.ts";
import type { SeriesPoints, SeriesRow } from "../core/telemetry-rows.ts";
import type { RunReader } from "../store/run-reader.ts";
import { endpointName } from "./endpoint-name.ts";
import type { ExportContext } from "./exporter.ts";
import { distributionJson } from "./file-metrics.ts";
import { Float, type Json, type JsonObject } from "./json-text.ts";
import { localTime } from "./local-time.ts";
import { windowsOfKind } from "./phase-windows.ts";

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

/** Kinds of sources that tell about GPUs. */
export const GPU_KINDS: readonly string[] = ["dcgm", "amd", "nvidia-smi"];

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
  { field: "amd_power", title: "AMD GPU Power", unit: "W" },
  { field: "amd_energy_consumption", title: "AMD Energy Consumption", unit: "MJ", scale: 1e-6, isCounter: true },
  { field: "amd_gfx_activity", title: "AMD GFX Activity", unit: "%" },
  { field: "amd_umc_activity", title: "AMD UMC Activity", unit: "%" },
  { field: "amd_mm_activity", title: "AMD MM Activity", unit: "%" },
  { field: "amd_memory_used", title: "AMD GPU Memory Used", unit: "GB" },
  { field: "amd_temperature", title: "AMD GPU Temperature", unit: "°C" },
  { field: "amd_ecc_uncorrectable", title: "AMD ECC Uncorrectable", unit: "count", isCounter: true },
  { field: "amd_throttle_status", title: "AMD Throttle Status", unit: "count" },
];

/** A field's stored value × this = its value in AIPerf's unit. */
export function exportScale(field: string): number {
  return exportFields.find((known) => known.field === field)?.scale ?? 1;
}

/** In the order in which they were first seen; undefined: the run was told to leave GPUs alone. */
export function gpuSummaries({ reader, spec }: ExportContext): GpuSummary[] | undefined {
  if (spec.telemetry?.disableGpu === true) return undefined;
  const gpus = gpusOf(reader);
  const windows = windowsOfKind({ reader }, "profiling");
  const fields = new Map<string, Map<string, GpuFieldSummary>>();
  for (const { series, points } of fieldPoints(reader)) {
    const field = exportFields.find((known) => known.field === series.name);
    const summary = field && fieldSummary(field, points, windows);
    if (summary === undefined) continue;
    const ofGpu = fields.get(keyOf(series)) ?? new Map<string, GpuFieldSummary>();
    fields.set(keyOf(series), ofGpu.set(series.name, summary));
  }
  const inOrder = (gpu: SeriesRow) => exportFields.flatMap(({ field }) => fields.get(keyOf(gpu))?.get(field) ?? []);
  return gpus.map((gpu, place) => gpuSummary(gpu, place, inOrder(gpu)));
}

/** Values that are in memory at a time, 16 bytes each. */
const VALUES_AT_A_TIME = 1 << 20;

/** All series of the fields, page by page: a scrape is read once for as many of them as have room, since those of a long run have it only bit by bit. */
function* fieldPoints(reader: RunReader): Generator<{ readonly series: SeriesRow; readonly points: SeriesPoints }> {
  const all = reader.series({ kinds: GPU_KINDS, names: exportFields.map(({ field }) => field) });
  const scrapes = new Map(reader.telemetrySources().map((source) => [`${source.kind} ${source.name}`, source.scrapes]));
  for (const [source, series] of Map.groupBy(all, ({ kind, source: name }) => `${kind} ${name}`)) {
    const atATime = Math.max(1, Math.floor(VALUES_AT_A_TIME / Math.max(1, scrapes.get(source) ?? 0)));
    for (let from = 0; from < series.length; from += atATime) {
      const batch = series.slice(from, from + atATime);
      const points = reader.seriesPoints(
        batch.map((one) => one.series),
        0,
        Number.MAX_SAFE_INTEGER,
      );
      for (const one of batch) {
        const own = points.get(one.series);
        if (own !== undefined) yield { series: one, points: own };
      }
    }
  }
}

/** A series of each GPU, in the order in which they were first seen. */
function gpusOf(reader: RunReader): SeriesRow[] {
  const series = reader.series({ kinds: GPU_KINDS }).filter(({ subject }) => subject !== "");
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
      [...Map.groupBy(gpus, ({ endpoint }) => endpoint)].map(([endpoint, found]) => [endpoint, { gpus: gpusJson(found) }]),
    ),
    error_summary: errorsOf(reader),
  };
}

/** What scrapes of GPUs' pages failed with, most frequent first. */
function errorsOf(reader: RunReader): Json[] {
  const gaps = reader.telemetryGaps().filter(({ kind }) => GPU_KINDS.includes(kind));
  const groups = [...Map.groupBy(gaps, ({ name, reason }) => `${name}: ${reason}`)];
  return groups
    .sort(([, one], [, other]) => other.length - one.length)
    .map(([message, { length }]) => ({ error_details: { type: "TelemetryError", message }, count: length }));
}

/** By index. One that has taken the place of another meanwhile has its UUID behind it. */
function gpusJson(gpus: readonly GpuSummary[]): JsonObject {
  const named: Record<string, JsonObject> = {};
  for (const gpu of gpus) {
    const key = `gpu_${gpu.index}${gpu.instance}`;
    named[key in named ? `${key}_${gpu.uuid}` : key] = gpuJson(gpu);
  }
  return named;
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
  points: SeriesPoints,
  windows: readonly Window[],
): GpuFieldSummary | undefined {
  if (isCounter === true) {
    const counted = counterFigures(points, windows);
    return counted && { field, title, unit, statistics: { value: counted.total * scale } };
  }
  const statistics = gaugeStatistics({ ...points, values: points.values.map((value) => value * scale) }, windows);
  return statistics && { field, title, unit, statistics };
}

function gpuSummary({ kind, source, subject, labels }: SeriesRow, place: number, fields: readonly GpuFieldSummary[]): GpuSummary {
  const slash = subject.indexOf("/");
  const index = Number(labels.index);
  return {
    endpoint: endpointName(source),
    index: labels.index !== undefined && Number.isInteger(index) ? index : place,
    instance: slash < 0 ? "" : subject.slice(slash),
    name: labels.model ?? "",
    uuid: subject,
    platform: kind === "amd" ? "amd" : "nvidia",
    hostname: labels.hostname,
    namespace: labels.namespace,
    pod: labels.pod,
    fields,
  };
}

function keyOf({ source, subject }: { readonly source: string; readonly subject: string }): string {
  return `${source} ${subject}`;
}
