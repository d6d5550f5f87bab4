/** The peaks that vLLM's results name. Pure. */

/** Chunks a second, in seconds counted from a moment. */
export class TokenSeconds {
  readonly #fromNs: number;
  readonly #counts: number[] = [];

  constructor(fromNs: number) {
    this.#fromNs = fromNs;
  }

  /** @param ttft seconds after it was sent; @param itls seconds between chunks */
  add(sentNs: number, ttft: number, itls: readonly number[]): void {
    let atSec = (sentNs - this.#fromNs) / 1e9 + ttft;
    this.#count(atSec);
    for (const itl of itls) {
      atSec += itl;
      this.#count(atSec);
    }
  }

  /** Of the fullest second. */
  get most(): number {
    return this.#counts.reduce((most, count) => Math.max(most, count ?? 0), 0);
  }

  #count(atSec: number): void {
    const second = Math.max(0, Math.floor(atSec));
    this.#counts[second] = (this.#counts[second] ?? 0) + 1;
  }
}

/** Most spans that overlap; one that ends at a moment is over when another begins there. Both are put in order. */
export function peakInFlight(starts: Float64Array, ends: Float64Array): number {
  starts.sort();
  ends.sort();
  let ended = 0;
  let peak = 0;
  for (const [begun, start] of starts.entries()) {
    while (ended < ends.length && (ends[ended] as number) <= start) ended++;
    peak = Math.max(peak, begun + 1 - ended);
  }
  return peak;
}
