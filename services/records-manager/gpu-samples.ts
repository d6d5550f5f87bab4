/** What was sampled of the GPUs of a run, from its file. */
import type { GpuSamples } from "./core/telemetry/gpu-use.ts";
import type { SeriesPoints, SeriesRow } from "./core/telemetry-rows.ts";
import type { RunReader } from "./store/run-reader.ts";

const fieldsOf = {
  nvidia: {
    energy: "nvidia_energy_consumption",
    power: "nvidia_power_usage",
    utilization: "nvidia_gpu_utilization",
    memoryUsed: "nvidia_memory_used",
    temperature: "nvidia_temperature",
  },
  amd: {
    energy: "amd_energy_consumption",
    power: "amd_power",
    utilization: "amd_gfx_activity",
    memoryUsed: "amd_memory_used",
    temperature: "amd_temperature",
  },
} as const;

/** Those with samples of these fields, page by page in the order in which they were first seen: no more than one page's samples are in memory. */
export function* gpuSamples(reader: RunReader): Generator<GpuSamples> {
  const series = reader.series({ names: Object.values(fieldsOf).flatMap((fields) => Object.values(fields)) });
  const gaps = Map.groupBy(series.length === 0 ? [] : reader.telemetryGaps(), ({ name }) => name);
  for (const [source, ofSource] of Map.groupBy(series, (one) => one.source)) {
    const points = reader.seriesPoints(
      ofSource.map((one) => one.series),
      0,
      Number.MAX_SAFE_INTEGER,
    );
    const gapsNs = Float64Array.from(gaps.get(source) ?? [], ({ endNs }) => endNs);
    for (const gpu of Map.groupBy(ofSource, ({ subject }) => subject).values()) yield samplesOf(gpu, points, gapsNs);
  }
}

function samplesOf(
  gpu: readonly SeriesRow[],
  points: ReadonlyMap<number, SeriesPoints>,
  gapsNs: Float64Array<ArrayBuffer>,
): GpuSamples {
  const { source, subject, labels } = gpu[0] as SeriesRow;
  const vendor = gpu.some(({ name }) => name.startsWith("amd_")) ? "amd" : "nvidia";
  const pointsOf = (field: string) => {
    const found = gpu.find(({ name }) => name === field);
    return found === undefined ? undefined : points.get(found.series);
  };
  const fields = fieldsOf[vendor];
  return {
    vendor,
    subject,
    source,
    name: labels.model ?? "",
    index: labels.index ?? "",
    host: labels.hostname ?? URL.parse(source)?.hostname ?? source,
    energy: pointsOf(fields.energy),
    power: pointsOf(fields.power),
    utilization: pointsOf(fields.utilization),
    memoryUsed: pointsOf(fields.memoryUsed),
    temperature: pointsOf(fields.temperature),
    gapsNs,
  };
}
