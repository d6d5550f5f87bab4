/** Metrics of what GPUs used: one for the GPUs of each vendor, under AIPerf's names. */
import type { GpuEnergy, GpuVendor, MetricUnit, RunFacts, RunMetric } from "./metric.ts";

export interface GpuMetric {
  /** Without the vendor, which goes in front. */
  readonly tag: string;
  readonly header: string;
  readonly unit: MetricUnit;
  readonly consoleOrder: number;
  readonly isLargerBetter: boolean;
  /** Of the GPUs of one vendor. Undefined where it does not apply. Never NaN. */
  readonly value: (energy: GpuEnergy, facts: RunFacts) => number | undefined;
}

const vendors: readonly GpuVendor[] = ["nvidia", "amd"];

/** The metric for NVIDIA's and for AMD's GPUs, each in a table of its own. */
export function ofVendors({ tag, value, ...metric }: GpuMetric): readonly RunMetric[] {
  return vendors.map((vendor) => ({
    ...metric,
    tag: `${vendor}_${tag}`,
    group: `gpu_power_efficiency_${vendor}`,
    flags: ["no_record"],
    value: (facts) => {
      const energy = facts.gpuEnergy(vendor);
      return energy && value(energy, facts);
    },
  }));
}

/** `amount` / `divisor`; undefined where either is not known, or there is nothing to divide by. */
export function ratioOf(amount: number | undefined, divisor: number | undefined): number | undefined {
  return amount === undefined || divisor === undefined || divisor <= 0 ? undefined : amount / divisor;
}
