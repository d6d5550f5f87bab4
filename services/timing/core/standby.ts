/** How far ahead a worker's queue reaches, in time of its own completions. */
const STANDBY_NS = 50e6;
const MIN_STANDBY = 2;
const RATE_WINDOW_NS = 100e6;

/**
 * How many credits a worker holds beyond its slots, so that the next request starts without a round trip: what it completes in
 * 50 ms, at least 2. Before its rate is known: 4 × slots, since what a worker holds is lost with it.
 */
export class Standby {
  #windowStartNs = -1;
  #completed = 0;
  #ratePerNs = -1;

  /** So many requests came back. */
  completed(count: number, now: number): void {
    if (this.#windowStartNs < 0) this.#windowStartNs = now;
    this.#completed += count;
    const elapsedNs = now - this.#windowStartNs;
    if (elapsedNs < RATE_WINDOW_NS) return;
    const rate = this.#completed / elapsedNs;
    this.#ratePerNs = this.#ratePerNs < 0 ? rate : (this.#ratePerNs + rate) / 2;
    this.#windowStartNs = now;
    this.#completed = 0;
  }

  /** Credits beyond the limit, as of now. */
  size(limit: number): number {
    if (this.#ratePerNs < 0) return Math.max(MIN_STANDBY, 4 * limit);
    return Math.max(MIN_STANDBY, Math.ceil(this.#ratePerNs * STANDBY_NS));
  }
}

/** A worker as the issuing of standby sees it. */
export interface StandbyQueue {
  readonly limit: number;
  readonly issued: number;
  readonly standby: number;
}

/**
 * How many standby credits each worker gets now. A queue is topped up when a quarter of it is gone. When there is not enough
 * left for all, what is left is levelled: nobody gets more than keeps all queues, relative to their limits, equally long.
 */
export function planStandby(queues: readonly StandbyQueue[], undrawn: number): number[] {
  const wants = queues.map(({ limit, issued, standby }) => {
    if (limit === 0) return 0;
    const ahead = issued - limit;
    return ahead <= Math.floor(standby * 0.75) ? Math.max(0, standby - ahead) : 0;
  });
  const total = wants.reduce((sum, want) => sum + want, 0);
  if (total <= undrawn) return wants;
  return level(queues, wants, undrawn);
}

/** Fills the emptiest queue first; the highest level that the supply reaches is found by bisection. */
function level(queues: readonly StandbyQueue[], wants: readonly number[], supply: number): number[] {
  const given = (height: number) =>
    queues.map(({ limit, issued }, i) => Math.max(0, Math.min(wants[i] as number, Math.floor(height * limit) - issued)));
  let low = 0;
  let high = 1 + Math.max(...queues.map(({ limit, issued, standby }) => (limit > 0 ? (issued + standby + limit) / limit : 0)));
  for (let i = 0; i < 50 && high - low > 1e-6; i++) {
    const middle = (low + high) / 2;
    if (given(middle).reduce((sum, n) => sum + n, 0) <= supply) low = middle;
    else high = middle;
  }
  return given(low);
}
