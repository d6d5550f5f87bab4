/**
 * How long a quantity had which value: statistics weighted by time. Mean, extremes, deviation and integral are exact. Percentiles are
 * exact of whole numbers below 65 536, and up to 4 096 different values of others; from then on those are told apart to one part in 1024, so that
 * memory stays at a MB however long a run was.
 */
import { PERCENTILES } from "../../common/percentiles.ts";
import type { PercentileKey, Statistics } from "./statistics.ts";

const wholeBelow = 1 << 16;
const exactValues = 1 << 12;
/** Bins of a value of 2^-20 and more, up to 2^44: 64 powers of two in 1024 parts each. */
const binCount = 1 << 16;
const lowestExponent = -20;

/** Time that is not to count, in which the quantity was 0. */
export interface IdleTime {
  readonly seconds: number;
  /** In so many stretches. */
  readonly pieces: number;
}

const bits = new DataView(new ArrayBuffer(8));

export class WeightedDistribution {
  /** Seconds of whole numbers, by the number. */
  #whole = new Float64Array(256);
  #others: Map<number, number> | undefined = new Map();
  #bins: Float64Array | undefined;
  #pieces = 0;
  #weight = 0;
  #zeroPieces = 0;
  #sum = 0;
  /** Of values above 0, by Welford's method (West 1979, with weights): seconds, mean, and squared deviations from it times seconds. */
  #seconds = 0;
  #mean = 0;
  #deviations = 0;
  /** Of values above 0. */
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** The quantity was `value` (at least 0) for so many seconds (above 0). */
  add(value: number, seconds: number): void {
    this.#pieces++;
    this.#weight += seconds;
    if (value === 0) {
      this.#zeroPieces++;
      this.#whole[0] = (this.#whole[0] as number) + seconds;
      return;
    }
    this.#sum += value * seconds;
    this.#seconds += seconds;
    const off = value - this.#mean;
    this.#mean += (off * seconds) / this.#seconds;
    this.#deviations += seconds * off * (value - this.#mean);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (value < wholeBelow && value === Math.trunc(value)) {
      if (value >= this.#whole.length) this.#grow(value);
      this.#whole[value] = (this.#whole[value] as number) + seconds;
    } else this.#addOther(value, seconds);
  }

  /**
   * `count` is that of stretches of time, `sum` the integral over time in seconds. A percentile is the least value that is not passed for
   * that share of the time. `idle` does not count.
   */
  statistics(idle: IdleTime = { seconds: 0, pieces: 0 }): Statistics | undefined {
    const count = this.#pieces - idle.pieces;
    // What is left of sums that should be none is no time.
    const zeroPieces = this.#zeroPieces - idle.pieces;
    const zeroSeconds = zeroPieces === 0 ? 0 : (this.#whole[0] as number) - idle.seconds;
    const weight = this.#weight - idle.seconds;
    if (count <= 0 || !(weight > 0)) return undefined;
    const avg = this.#sum / weight;
    const std = Math.sqrt(this.#deviationsWith(zeroSeconds) / weight);
    const min = zeroPieces > 0 ? 0 : this.#min;
    const rows = this.#rows(zeroSeconds);
    return { count, avg, min, max: this.#max, sum: this.#sum, std, ...percentilesOf(rows, { weight, min, max: this.#max }) };
  }

  /** Squared deviations from the mean of all, which was 0 for so long. */
  #deviationsWith(zeroSeconds: number): number {
    if (this.#seconds === 0 || zeroSeconds <= 0) return this.#deviations;
    return this.#deviations + this.#mean ** 2 * ((this.#seconds * zeroSeconds) / (this.#seconds + zeroSeconds));
  }

  /** Ascending: value and how long. */
  #rows(zeroSeconds: number): [number, number][] {
    const rows: [number, number][] = zeroSeconds > 0 ? [[0, zeroSeconds]] : [];
    this.#whole.forEach((seconds, value) => {
      if (value > 0 && seconds > 0) rows.push([value, seconds]);
    });
    for (const row of this.#others ?? []) rows.push(row);
    this.#bins?.forEach((seconds, bin) => {
      if (seconds > 0) rows.push([valueOfBin(bin), seconds]);
    });
    return rows.sort(([one], [other]) => one - other);
  }

  #grow(value: number): void {
    let { length } = this.#whole;
    while (length <= value) length *= 2;
    const grown = new Float64Array(length);
    grown.set(this.#whole);
    this.#whole = grown;
  }

  #addOther(value: number, seconds: number): void {
    if (this.#bins !== undefined) {
      addToBin(this.#bins, value, seconds);
      return;
    }
    const others = this.#others;
    if (others === undefined) return;
    others.set(value, (others.get(value) ?? 0) + seconds);
    if (others.size <= exactValues) return;
    this.#bins = new Float64Array(binCount);
    for (const [known, itsSeconds] of others) addToBin(this.#bins, known, itsSeconds);
    this.#others = undefined;
  }
}

interface Bounds {
  readonly weight: number;
  readonly min: number;
  readonly max: number;
}

function percentilesOf(
  rows: readonly [number, number][],
  { weight, min, max }: Bounds,
): { readonly [key in PercentileKey]: number } {
  const found = new Map<number, number>();
  let index = 0;
  let passed = rows[0]?.[1] ?? 0;
  for (const percentile of PERCENTILES) {
    // Sums of many parts miss the whole by their last digits.
    const wanted = (weight * percentile) / 100 - weight * 1e-12;
    while (passed < wanted && index < rows.length - 1) passed += rows[++index]?.[1] ?? 0;
    found.set(percentile, Math.min(max, Math.max(min, rows[index]?.[0] ?? 0)));
  }
  const at = (percentile: number): number => found.get(percentile) ?? 0;
  return { p1: at(1), p5: at(5), p10: at(10), p25: at(25), p50: at(50), p75: at(75), p90: at(90), p95: at(95), p99: at(99) };
}

function addToBin(bins: Float64Array, value: number, seconds: number): void {
  bits.setFloat64(0, value);
  // Exponent and the first ten bits of the fraction.
  const bin = (bits.getUint32(0) >>> 10) - ((1023 + lowestExponent) << 10);
  const kept = Math.min(Math.max(bin, 0), binCount - 1);
  bins[kept] = (bins[kept] as number) + seconds;
}

/** The middle of a bin. */
function valueOfBin(bin: number): number {
  return 2 ** ((bin >> 10) + lowestExponent) * (1 + ((bin & 1023) + 0.5) / 1024);
}
