/**
 * Energy over a phase from a counter of joules. The counter's difference over time is the true mean power; the mean of power
 * samples misses what happens between them.
 */

/** A reading of an energy counter. */
export interface EnergyReading {
  /** Moment of the reading. */
  readonly ns: number;
  /** Counter, in joules. */
  readonly joules: number;
}

export interface EnergyUse {
  /** Between the first and the last reading, without the steps in which the counter fell. */
  readonly joules: number;
  /** `joules` over the time of the same steps, in watts. */
  readonly averageWatts: number;
  /** Time that the joules cover, in ns: from first to last reading, less the steps in which the counter fell. */
  readonly coveredNs: number;
  /** How often the counter fell: the driver was loaded anew. What was used in such a step is not known and not guessed. */
  readonly resets: number;
}

/** From readings in order of time. Undefined where no step between two readings can be told: fewer than two, or only resets. */
export function energyUse(readings: readonly EnergyReading[]): EnergyUse | undefined {
  let joules = 0;
  let coveredNs = 0;
  let resets = 0;
  let before: EnergyReading | undefined;
  for (const reading of readings) {
    if (before !== undefined && reading.joules < before.joules) {
      resets += 1;
    } else if (before !== undefined) {
      joules += reading.joules - before.joules;
      coveredNs += reading.ns - before.ns;
    }
    before = reading;
  }
  if (coveredNs <= 0) return undefined;
  return { joules, averageWatts: (joules / coveredNs) * 1e9, coveredNs, resets };
}
