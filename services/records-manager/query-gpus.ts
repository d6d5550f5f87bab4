/** Power and energy of every GPU over every phase, from the samples of telemetry. */
import { type EnergyReading, energyUse } from "./core/energy.ts";
import { RunReader } from "./store/run-reader.ts";

export interface GpuUse {
  /** Phase by index. */
  readonly phase: number;
  /** GPU UUID, with its MIG instance if it is one. */
  readonly subject: string;
  readonly source: string;
  /** Energy over time where the counter moved, else the mean of the power samples; undefined: neither was sampled. */
  readonly meanPowerW: number | undefined;
  readonly energyJ: number | undefined;
  /** Power and energy samples behind these figures. */
  readonly samples: number;
}

const powerField = "nvidia_power_usage";
const energyField = "nvidia_energy_consumption";

export interface GpusQuery {
  readonly folder: string;
}

/** Samples belong to the phase within whose start and end they were scraped. */
export function queryGpus({ folder }: GpusQuery): GpuUse[] {
  const reader = RunReader.open(folder);
  try {
    const uses: GpuUse[] = [];
    for (const { phase, startedNs, endedNs } of reader.phases()) {
      if (startedNs === undefined) continue;
      const bySubject = Map.groupBy(
        reader.samples([powerField, energyField], startedNs, endedNs ?? Number.MAX_SAFE_INTEGER),
        ({ source, subject }) => `${source} ${subject}`,
      );
      for (const samples of bySubject.values()) {
        const [first] = samples;
        if (first === undefined) continue;
        const energy = energyUse(
          samples.filter(({ field }) => field === energyField).map(({ ns, value }): EnergyReading => ({ ns, joules: value })),
        );
        const powers = samples.filter(({ field }) => field === powerField);
        const meanOfSamples = powers.length === 0 ? undefined : powers.reduce((sum, { value }) => sum + value, 0) / powers.length;
        uses.push({
          phase,
          subject: first.subject,
          source: first.source,
          meanPowerW: energy?.averageWatts ?? meanOfSamples,
          energyJ: energy?.joules,
          samples: samples.length,
        });
      }
    }
    return uses;
  } finally {
    reader.close();
  }
}
