/** What GPUs used over a phase: each by itself, and those of a vendor together. */
import type { GpuEnergy, GpuVendor } from "../../../../metrics/metric.ts";
import { type EnergySource, type EnergyUse, energyDoubts, energyUse } from "./energy.ts";
import { gaugeStatistics } from "./gauge.ts";
import { type Points, pointsAround, type Window } from "./points.ts";

/** A GPU, or an instance of one, with what was scraped of it. */
export interface GpuSamples extends EnergySource {
  readonly vendor: GpuVendor;
  /** UUID, with `/instance` for an instance of the GPU. */
  readonly subject: string;
  readonly source: string;
  readonly name: string;
  /** On its host. */
  readonly index: string;
  /** As its page says, or as the page's address does. */
  readonly host: string;
  /** 0 to 100. */
  readonly utilization: Points | undefined;
  /** In GB. */
  readonly memoryUsed: Points | undefined;
  /** In °C. */
  readonly temperature: Points | undefined;
}

export interface GpuUse extends Pick<GpuSamples, "vendor" | "subject" | "source" | "name" | "index" | "host"> {
  /** Undefined: neither a counter of energy nor power over time. */
  readonly energy: EnergyUse | undefined;
  /** Mean of the samples of power within the windows, and the greatest. */
  readonly sampledWatts: number | undefined;
  readonly maxWatts: number | undefined;
  /** Samples behind the figures of energy and power. */
  readonly samples: number;
  /** Mean of the samples within the windows. */
  readonly utilizationPercent: number | undefined;
  /** The greatest within the windows. */
  readonly maxMemoryUsedGb: number | undefined;
  readonly maxTemperatureC: number | undefined;
}

/** Undefined: nothing was scraped of it in these windows. */
export function gpuUse(gpu: GpuSamples, windows: readonly Window[]): GpuUse | undefined {
  const { vendor, subject, source, name, index, host, energy, power } = gpu;
  const samples = [energy, power].reduce((sum, points) => {
    return sum + (points === undefined ? 0 : windows.reduce((all, window) => all + pointsAround(points, window).ns.length, 0));
  }, 0);
  const gauge = (points: Points | undefined) => points && gaugeStatistics(points, windows);
  const watts = gauge(power);
  const [used, memory, temperature] = [gauge(gpu.utilization), gauge(gpu.memoryUsed), gauge(gpu.temperature)];
  if (samples === 0 && [watts, used, memory, temperature].every((statistics) => statistics === undefined)) return undefined;
  return {
    vendor,
    subject,
    source,
    name,
    index,
    host,
    energy: energyUse(gpu, windows),
    sampledWatts: watts?.avg,
    maxWatts: watts?.max,
    samples,
    utilizationPercent: used?.avg,
    maxMemoryUsedGb: memory?.max,
    maxTemperatureC: temperature?.max,
  };
}

/** The GPUs of one vendor together, and why their energy is to be taken with care. */
export interface VendorUse {
  readonly energy: GpuEnergy;
  readonly doubts: readonly string[];
}

/** `phaseNs` = how long the phase took. Undefined: there is no GPU of the vendor. */
export function vendorUse(gpus: readonly GpuUse[], vendor: GpuVendor, phaseNs: number): VendorUse | undefined {
  const boards = boardsOf(gpus.filter((gpu) => gpu.vendor === vendor));
  if (boards.length === 0) return undefined;
  const energies = boards.flatMap(({ energy }) => energy ?? []);
  const watts = boards.flatMap(({ sampledWatts }) => sampledWatts ?? []);
  return {
    energy: {
      joules: sumOf(energies.map(({ joules }) => joules)),
      averageWatts: sumOf(energies.map(({ averageWatts }) => averageWatts)),
      sampledWatts: sumOf(watts),
    },
    doubts: doubtsOf(energies, boards.length, phaseNs),
  };
}

/**
 * Each board once: pages repeat the power and the energy of a board for each of its MIG instances, some with 0 for all but one, and several
 * pages may tell of one board. The instance that used most stands for it.
 */
function boardsOf(gpus: readonly GpuUse[]): GpuUse[] {
  const byBoard = Map.groupBy(gpus, ({ host, subject }) => `${host} ${subject.replace(/\/.*$/, "")}`);
  const used = ({ energy, sampledWatts = 0 }: GpuUse): number => energy?.joules ?? sampledWatts;
  return [...byBoard.values()].flatMap((instances) => instances.reduce((most, next) => (used(next) > used(most) ? next : most)));
}

function doubtsOf(energies: readonly EnergyUse[], boards: number, phaseNs: number): string[] {
  const counts = new Map<string, number>();
  for (const doubt of energies.flatMap((energy) => energyDoubts(energy, phaseNs)))
    counts.set(doubt, (counts.get(doubt) ?? 0) + 1);
  const unknown = boards - energies.length;
  const said = [...counts].map(([doubt, count]) => (count === boards ? doubt : `${count} of ${boards} GPUs: ${doubt}`));
  return unknown === 0 ? said : [...said, `of ${unknown} of ${boards} GPUs no energy is known: they are in no figure`];
}

/** Undefined: there is nothing to add up. */
function sumOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
