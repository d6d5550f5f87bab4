/** What the GPUs of a run used while its phases went on. */
import type { GpuEnergy, GpuVendor } from "../../metrics/metric.ts";
import type { WorkloadNote } from "./core/notes.ts";
import type { MetricValue } from "./core/run-summary.ts";
import { type GpuUse, gpuUse, vendorUse } from "./core/telemetry/gpu-use.ts";
import { gpuSamples } from "./gpu-samples.ts";
import { lifetimesOf, type PhaseWork } from "./phase-work.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Adds to each phase what was sampled of GPUs within it. */
export function readGpus(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): void {
  const phases = [...new Set(works.values())].map((work) => ({ work, windows: lifetimesOf(work), gpus: [] as GpuUse[] }));
  for (const gpu of gpuSamples(reader)) {
    for (const { windows, gpus } of phases) {
      const use = gpuUse(gpu, windows);
      if (use !== undefined) gpus.push(use);
    }
  }
  for (const { work, gpus } of phases) work.gpus = gpus;
}

/** Of all GPUs of a vendor that `readGpus` has found; undefined: there is none. */
export function gpuEnergyOf(work: PhaseWork, vendor: GpuVendor): GpuEnergy | undefined {
  return vendorUse(work.gpus, vendor, durationNs(work))?.energy;
}

/** Why metrics of energy are to be taken with care, at each of those that the phase has. */
export function gpuNotes(work: PhaseWork, metrics: readonly MetricValue[]): WorkloadNote[] {
  return (["nvidia", "amd"] as const).flatMap((vendor) => {
    const doubts = vendorUse(work.gpus, vendor, durationNs(work))?.doubts ?? [];
    const doubtful = metrics.filter(({ tag }) => tag.startsWith(`${vendor}_`) && tag !== `${vendor}_total_gpu_power`);
    return doubtful.flatMap(({ tag }) => doubts.map((message): WorkloadNote => ({ code: "gpu_energy", tag, message })));
  });
}

function durationNs(work: PhaseWork): number {
  return lifetimesOf(work).reduce((sum, { startNs, endNs }) => sum + endNs - startNs, 0);
}
