import type { Distribution, Labelled } from "./instrument.ts";

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
