/** Energy and power of the GPUs of a run, from its file. */
import type { GpuSamples } from "./core/telemetry/gpu-use.ts";
import type { GpuSeries, RunReader, TelemetryValue } from "./store/run-reader.ts";

const fieldsOf = {
  nvidia: { energy: "nvidia_energy_consumption", power: "nvidia_power_usage" },
  amd: { energy: "amd_energy_consumption", power: "amd_power" },
} as const;

/** Those with samples of either, in the order in which they were first seen. */
export function gpuSamples(reader: RunReader): GpuSamples[] {
  const gpus = reader.gpuSeries();
  if (gpus.length === 0) return [];
  const fields = Object.values(fieldsOf).flatMap(({ energy, power }) => [energy, power]);
  const samples = Map.groupBy(reader.samples(fields, 0, Number.MAX_SAFE_INTEGER), keyOf);
  return gpus.flatMap((gpu) => {
    const own = samples.get(keyOf(gpu));
    return own === undefined ? [] : [samplesOf(gpu, own)];
  });
}

function samplesOf({ source, subject, labels }: GpuSeries, own: readonly TelemetryValue[]): GpuSamples {
  const vendor = own.some(({ field }) => field.startsWith("amd_")) ? "amd" : "nvidia";
  const pointsOf = (name: string) => {
    const found = own.filter(({ field }) => field === name);
    if (found.length === 0) return undefined;
    return { ns: Float64Array.from(found, ({ ns }) => ns), values: Float64Array.from(found, ({ value }) => value) };
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
    gapsNs: new Float64Array(),
  };
}

function keyOf({ source, subject }: { readonly source: string; readonly subject: string }): string {
  return `${source} ${subject}`;
}
