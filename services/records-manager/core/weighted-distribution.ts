/**
 * How long a quantity had which value: statistics weighted by time. Mean, extremes, deviation and integral are exact. Percentiles are
 * exact up to 4 096 different values; from then on values are told apart to one part in 1024, so that memory stays at half a MB however long
 * a run was.
 */
import { PERCENTILES, type PercentileKey, type Statistics } from "./statistics.ts";

const exactValues = 1 << 12;
/** Bins of a value of 2^-20 and more, up to 2^44: 64 powers of two in 1024 parts each. */
const binCount = 1 << 16;
const lowestExponent = -20;

export class WeightedDistribution {
  #weights: Map<number, number> | undefined = new Map();
  #bins: Float64Array | undefined;
  #zero = 0;
  #pieces = 0;
  #weight = 0;
  #sum = 0;
  #squares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  readonly #bits = new DataView(new ArrayBuffer(8));

  /** The quantity was `value` (at least 0) for so many seconds (above 0). */
  add(value: number, seconds: number): void {
    this.#pieces++;
    this.#weight += seconds;
    this.#sum += value * seconds;
    this.#squares += value * value * seconds;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const weights = this.#weights;
    if (weights === undefined) this.#addToBin(value, seconds);
    else {
      weights.set(value, (weights.get(value) ?? 0) + seconds);
      if (weights.size > exactValues) this.#fold(weights);
    }
  }

  /** `count` is that of stretches of time, `sum` the integral over time in seconds. A percentile is the least value that is not passed for that share of the time. */
  statistics(): Statistics | undefined {
    if (this.#weight <= 0) return undefined;
    const avg = this.#sum / this.#weight;
    const std = Math.sqrt(Math.max(0, this.#squares / this.#weight - avg * avg));
    const head = { count: this.#pieces, avg, min: this.#min, max: this.#max, sum: this.#sum, std };
    return { ...head, ...this.#percentiles() };
  }

  #percentiles(): { readonly [key in PercentileKey]: number } {
    const rows = this.#rows();
    const found = new Map<number, number>();
    let index = 0;
    let passed = rows[0]?.[1] ?? 0;
    for (const percentile of PERCENTILES) {
      // Sums of many parts miss the whole by their last digits.
      const wanted = (this.#weight * percentile) / 100 - this.#weight * 1e-12;
      while (passed < wanted && index < rows.length - 1) passed += rows[++index]?.[1] ?? 0;
      found.set(percentile, Math.min(this.#max, Math.max(this.#min, rows[index]?.[0] ?? 0)));
    }
    const at = (percentile: number): number => found.get(percentile) ?? 0;
    return { p1: at(1), p5: at(5), p10: at(10), p25: at(25), p50: at(50), p75: at(75), p90: at(90), p95: at(95), p99: at(99) };
  }

  /** Ascending: value and how long. */
  #rows(): [number, number][] {
    if (this.#weights !== undefined) return [...this.#weights].sort(([one], [other]) => one - other);
    const rows: [number, number][] = this.#zero > 0 ? [[0, this.#zero]] : [];
    this.#bins?.forEach((seconds, bin) => {
      if (seconds > 0) rows.push([valueOfBin(bin), seconds]);
    });
    return rows;
  }

  #fold(weights: ReadonlyMap<number, number>): void {
    this.#weights = undefined;
    this.#bins = new Float64Array(binCount);
    for (const [value, seconds] of weights) this.#addToBin(value, seconds);
  }

  #addToBin(value: number, seconds: number): void {
    const bins = this.#bins as Float64Array;
    if (value < 2 ** lowestExponent) {
      this.#zero += seconds;
      return;
    }
    this.#bits.setFloat64(0, value);
    // Exponent and the first ten bits of the fraction.
    const bin = (this.#bits.getUint32(0) >>> 10) - ((1023 + lowestExponent) << 10);
    const kept = Math.min(bin, binCount - 1);
    bins[kept] = (bins[kept] as number) + seconds;
  }
}

/** The middle of a bin. */
function valueOfBin(bin: number): number {
  return 2 ** ((bin >> 10) + lowestExponent) * (1 + ((bin & 1023) + 0.5) / 1024);
}
