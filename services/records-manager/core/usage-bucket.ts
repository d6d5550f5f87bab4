/** What the workers reported in one bucket of a timeline. */
import { highest, type UsageReading } from "./client-usage.ts";

export interface BucketUsage {
  readonly workers: number;
  readonly loopUtilisationMax: number | undefined;
  readonly loopDelayMaxNs: number | undefined;
  /** Of all workers together. */
  readonly gcNs: number;
  readonly gcCount: number;
  readonly gcMaxNs: number | undefined;
  /** By the last reading of each worker. */
  readonly connections: number;
  readonly openFds: number;
}

export class UsageBucket {
  readonly #readings: UsageReading[] = [];

  /** Takes the readings of one worker in the order of time. */
  add(reading: UsageReading): void {
    this.#readings.push(reading);
  }

  usage(): BucketUsage {
    const readings = this.#readings;
    const last = new Map(readings.map((reading) => [reading.workerId, reading]));
    return {
      workers: last.size,
      loopUtilisationMax: highest(readings.map(({ loopUtilisation }) => loopUtilisation)),
      loopDelayMaxNs: highest(readings.map(({ loopDelayMaxNs }) => loopDelayMaxNs)),
      gcNs: sumOf(readings.map(({ gcNs }) => gcNs)),
      gcCount: sumOf(readings.map(({ gcCount }) => gcCount)),
      gcMaxNs: highest(readings.map(({ gcMaxNs }) => gcMaxNs)),
      connections: sumOf([...last.values()].map(({ connections }) => connections)),
      openFds: sumOf([...last.values()].map(({ openFds }) => openFds)),
    };
  }
}

/** NaN counts as nothing. */
function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => (Number.isNaN(value) ? sum : sum + value), 0);
}
