/** How lengths are distributed. Pure but for what it keeps. */

export interface LengthSummary {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  /** Shares of the lengths are no longer than these: each is a length that there is. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Keeps every length: 8 bytes each. */
export class LengthCollector {
  readonly #lengths: number[] = [];

  add(length: number): void {
    this.#lengths.push(length);
  }

  /** Undefined: there are none. */
  summary(): LengthSummary | undefined {
    const sorted = Float64Array.from(this.#lengths).sort();
    const count = sorted.length;
    if (count === 0) return undefined;
    const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
    const mean = sorted.reduce((sum, length) => sum + length, 0) / count;
    return { count, mean, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  }
}
