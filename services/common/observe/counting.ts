/** What services count with, and how it becomes families. One file, since every process loads all of it. */
import type { Distribution, Family, InstrumentTable, Labelled, Readings } from "./instrument.ts";

/** Returns its argument; keeps the literal types from which the readings' type is made. */
export function defineInstruments<const T extends InstrumentTable>(table: T): T {
  return table;
}

/** Joins a table and its readings, in the table's order. */
export function familiesOf<T extends InstrumentTable>(table: T, readings: Readings<T>): Family[] {
  // Checked by `Readings<T>`; a process keeps families of many tables in one list.
  const values = readings as Readonly<Record<string, number | Distribution | Family["points"]>>;
  return Object.entries(table).map(([name, instrument]) => {
    const value = values[name] ?? [];
    return { name, instrument, points: isPoints(value) ? value : [{ labels: {}, value }] };
  });
}

function isPoints(value: number | Distribution | Family["points"]): value is Family["points"] {
  return Array.isArray(value);
}

/** Counts values in buckets. Cheap enough for hot paths: a walk over a few bounds and two additions. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  /** `bounds` ascend; a value belongs to the first bucket whose bound it does not exceed. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** NaN is left out: it belongs to no bucket. */
  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += value;
    this.#count++;
  }

  /** A copy of the values so far. */
  get distribution(): Distribution {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum, count: this.#count };
  }
}

/** Kinds of phases: a run's phases have names of its user's, of which there is no end. */
export type PhaseLabel = "warmup" | "profiling";

/** One histogram for each kind of phase. */
export class PhaseHistograms {
  readonly #histograms: Readonly<Record<PhaseLabel, Histogram>>;

  constructor(bounds: readonly number[]) {
    this.#histograms = { warmup: new Histogram(bounds), profiling: new Histogram(bounds) };
  }

  observe(phase: PhaseLabel, value: number): void {
    this.#histograms[phase].observe(value);
  }

  get points(): Labelled<"phase", Distribution>[] {
    return Object.entries(this.#histograms).map(([phase, { distribution }]) => ({ labels: { phase }, value: distribution }));
  }
}

/** Counters of what lives as long as a run: they go on where the runs before have ended. */
export class RunTotals<Name extends string> {
  readonly #ended: Record<Name, number>;

  constructor(names: readonly Name[]) {
    this.#ended = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  }

  /** A run has ended with these. To be called once a run, when nothing is counted for it any more. */
  ended(counts: Readonly<Record<Name, number>>): void {
    addTo(this.#ended, counts);
  }

  /** Of the runs that have ended and of these. */
  with(running: Iterable<Readonly<Record<Name, number>>>): Record<Name, number> {
    const sums = { ...this.#ended };
    for (const counts of running) addTo(sums, counts);
    return sums;
  }
}

function addTo<Name extends string>(sums: Record<Name, number>, counts: Readonly<Record<Name, number>>): void {
  for (const name of Object.keys(sums) as Name[]) sums[name] += counts[name];
}
