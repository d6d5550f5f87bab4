/**
 * One series of telemetry in a row of equal buckets. A gauge has the mean, least and greatest of the values scraped in a bucket; a counter
 * its rate per second, from the steps between two scrapes that follow each other. Nothing is made up: a bucket without a value is absent, and
 * a step over a scrape that failed or was without it, or over a counter that fell, of which nobody knows what was in it, gives no rate.
 */

/** What a series is told as. Parts of histograms and summaries that only rise are counters. */
export type SlotKind = "gauge" | "counter";

export interface SlotGrid {
  readonly originNs: number;
  readonly bucketNs: number;
  readonly bucketCount: number;
}

/** Columns of equal length: the buckets that have values, ascending, and the values. */
export interface SlotColumns {
  readonly buckets: number[];
  /** Of a counter the rate per second. */
  readonly mean: number[];
  /** Empty for a counter. */
  readonly min: number[];
  readonly max: number[];
}

export interface SeriesSlots {
  /** Takes the values in the order of time; those outside the grid count as far as a counter's step reaches into it. */
  add(ns: number, value: number): void;
  /** A scrape of its source failed, or was without it: what comes next does not follow what came before. */
  gap(): void;
  columns(): SlotColumns;
}

/** Empty; memory is that of the grid. */
export function createSlots(kind: SlotKind, grid: SlotGrid): SeriesSlots {
  return kind === "gauge" ? new GaugeSlots(grid) : new CounterSlots(grid);
}

/** By the type of its family, and by its own name within a histogram or a summary. */
export function slotKindOf({
  type,
  name,
  family,
}: {
  readonly type: string;
  readonly name: string;
  readonly family: string;
}): SlotKind {
  if (type === "counter" || type === "histogram") return "counter";
  return type === "summary" && name !== family ? "counter" : "gauge";
}

class GaugeSlots implements SeriesSlots {
  readonly #grid: SlotGrid;
  readonly #count: Uint32Array;
  readonly #sum: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;

  constructor(grid: SlotGrid) {
    this.#grid = grid;
    this.#count = new Uint32Array(grid.bucketCount);
    this.#sum = new Float64Array(grid.bucketCount);
    this.#min = new Float64Array(grid.bucketCount).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float64Array(grid.bucketCount).fill(Number.NEGATIVE_INFINITY);
  }

  add(ns: number, value: number): void {
    const at = Math.floor(placeOf(this.#grid, ns));
    if (!(at >= 0 && at < this.#grid.bucketCount) || Number.isNaN(value)) return;
    this.#count[at] = (this.#count[at] ?? 0) + 1;
    this.#sum[at] = (this.#sum[at] ?? 0) + value;
    this.#min[at] = Math.min(this.#min[at] ?? value, value);
    this.#max[at] = Math.max(this.#max[at] ?? value, value);
  }

  gap(): void {}

  columns(): SlotColumns {
    const buckets = bucketsWith(this.#count);
    return {
      buckets,
      mean: buckets.map((at) => (this.#sum[at] ?? 0) / (this.#count[at] ?? 1)),
      min: buckets.map((at) => this.#min[at] ?? Number.NaN),
      max: buckets.map((at) => this.#max[at] ?? Number.NaN),
    };
  }
}

class CounterSlots implements SeriesSlots {
  readonly #grid: SlotGrid;
  readonly #rise: Float64Array;
  /** In buckets: how much of each the steps cover. */
  readonly #covered: Float64Array;
  #before: { readonly place: number; readonly value: number } | undefined;

  constructor(grid: SlotGrid) {
    this.#grid = grid;
    this.#rise = new Float64Array(grid.bucketCount);
    this.#covered = new Float64Array(grid.bucketCount);
  }

  add(ns: number, value: number): void {
    if (Number.isNaN(value)) {
      this.gap();
      return;
    }
    const now = { place: placeOf(this.#grid, ns), value };
    const before = this.#before;
    this.#before = now;
    if (before === undefined || value < before.value || now.place <= before.place) return;
    const perBucket = (value - before.value) / (now.place - before.place);
    const first = Math.max(0, Math.floor(before.place));
    const last = Math.min(this.#grid.bucketCount - 1, Math.floor(now.place));
    for (let at = first; at <= last; at++) {
      const part = Math.min(now.place, at + 1) - Math.max(before.place, at);
      this.#covered[at] = (this.#covered[at] ?? 0) + part;
      this.#rise[at] = (this.#rise[at] ?? 0) + perBucket * part;
    }
  }

  gap(): void {
    this.#before = undefined;
  }

  columns(): SlotColumns {
    const buckets = bucketsWith(this.#covered);
    const bucketSec = this.#grid.bucketNs / 1e9;
    const mean = buckets.map((at) => (this.#rise[at] ?? 0) / ((this.#covered[at] ?? 1) * bucketSec));
    return { buckets, mean, min: [], max: [] };
  }
}

/** A moment in buckets: 2.25 is a quarter into the third. */
function placeOf({ originNs, bucketNs }: SlotGrid, ns: number): number {
  return (ns - originNs) / bucketNs;
}

function bucketsWith(weights: Uint32Array | Float64Array): number[] {
  const buckets: number[] = [];
  for (const [at, weight] of weights.entries()) if (weight > 0) buckets.push(at);
  return buckets;
}
