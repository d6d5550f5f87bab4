/** Energy and power of the GPUs of a run, from its file. */
import type { GpuSamples } from "./core/telemetry/gpu-use.ts";
import type { SeriesPoints, SeriesRow } from "./core/telemetry-rows.ts";
import type { RunReader } from "./store/run-reader.ts";

const fieldsOf = {
  nvidia: { energy: "nvidia_energy_consumption", power: "nvidia_power_usage" },
  amd: { energy: "amd_energy_consumption", power: "amd_power" },
} as const;

/** Those with samples of either, in the order in which they were first seen. */
export function gpuSamples(reader: RunReader): GpuSamples[] {
  const names = Object.values(fieldsOf).flatMap(({ energy, power }) => [energy, power]);
  const series = reader.series({ names });
  if (series.length === 0) return [];
  const points = reader.seriesPoints(
    series.map((one) => one.series),
    0,
    Number.MAX_SAFE_INTEGER,
  );
  const gaps = Map.groupBy(reader.telemetryGaps(), ({ name }) => name);
  return [...Map.groupBy(series, ({ source, subject }) => `${source} ${subject}`).values()].map((gpu) => {
    const gapsNs = (gaps.get(gpu[0]?.source ?? "") ?? []).map(({ endNs }) => endNs);
    return samplesOf(gpu, points, Float64Array.from(gapsNs));
  });
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
  return {
    vendor,
    subject,
    source,
    name: labels.model ?? "",
    index: labels.index ?? "",
    host: labels.hostname ?? URL.parse(source)?.hostname ?? source,
    energy: pointsOf(fieldsOf[vendor].energy),
    power: pointsOf(fieldsOf[vendor].power),
    gapsNs,
  };
}
