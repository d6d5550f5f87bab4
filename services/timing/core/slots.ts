/**
 * Who may have how many requests in flight. A worker is told a limit under an epoch and acks the epoch once it has come down
 * to it; until then it is counted with the largest limit that it may still be working by.
 */
export class WorkerSlots {
  // Limits of the epochs from the last acked one on; before the first ack, epoch 0 with limit 0.
  #limits: number[] = [0];
  #ackedEpoch = 0;

  /** The limit last told. */
  get limit(): number {
    return this.#limits[this.#limits.length - 1] as number;
  }

  get epoch(): number {
    return this.#ackedEpoch + this.#limits.length - 1;
  }

  /**
   * How many requests the worker may have in flight, at most, by what is known: the largest limit since the last acked epoch,
   * that one included. A raise counts from when it is told, a cut from when its own epoch is acked.
   */
  get counted(): number {
    let largest = 0;
    for (const limit of this.#limits) if (limit > largest) largest = limit;
    return largest;
  }

  /** Tells a new limit; returns its epoch. */
  tell(limit: number): number {
    this.#limits.push(limit);
    return this.epoch;
  }

  /** The worker is down to the limit of this epoch. An epoch that was never told, or acked before, changes nothing. */
  acked(epoch: number): void {
    if (epoch <= this.#ackedEpoch || epoch > this.epoch) return;
    this.#limits = this.#limits.slice(epoch - this.#ackedEpoch);
    this.#ackedEpoch = epoch;
  }
}

/** A worker as the distribution sees it. */
export interface SlotShare {
  readonly slots: WorkerSlots;
  /** May be given slots and be cut; one that is cut off or going keeps what it has and counts. */
  readonly isReachable: boolean;
  /** Sessions that only it can play on: such a worker keeps a slot before others get one. */
  readonly openSessions: number;
}

/**
 * Shares the concurrency evenly among the reachable workers and tells each that must change through `tell`: cuts at once,
 * raises only out of what is free by `counted`. To be called after every change, an ack in particular; it tells nothing new
 * when nothing changed. The sum of `counted` over all workers never rises above the concurrency by it.
 * @param capacityOf most slots that a worker can do with; what is above goes to others. Default: no bound
 * @returns slots that no reachable worker has room for; 0 where none can be reached
 */
export function distributeSlots<Worker extends SlotShare>(
  concurrency: number,
  workers: readonly Worker[],
  tell: (worker: Worker, limit: number) => void,
  capacityOf: (worker: Worker) => number = () => Number.POSITIVE_INFINITY,
): number {
  const reachable = workers.filter((worker) => worker.isReachable);
  if (reachable.length === 0) return 0;
  const elsewhere = sum(workers, (worker) => (worker.isReachable ? 0 : worker.slots.counted));
  const pool = Math.max(0, concurrency - elsewhere);
  // Whoever has sessions or slots keeps them, so that nothing moves without need. The sort is stable.
  const ranked = [...reachable].sort((a, b) => rank(b) - rank(a));
  const { shares: wanted, left } = evenShares(pool, ranked, capacityOf);
  for (const worker of reachable) {
    const limit = wanted.get(worker) as number;
    if (limit < worker.slots.limit) tell(worker, limit);
  }
  let free = concurrency - sum(workers, (worker) => worker.slots.counted);
  for (const worker of ranked) {
    const { limit, counted } = worker.slots;
    const raised = Math.min(wanted.get(worker) as number, counted + Math.max(0, free));
    if (raised <= limit) continue;
    free -= Math.max(0, raised - counted);
    tell(worker, raised);
  }
  return left;
}

/** Equal parts, a slot more for the first where they do not come out; whoever cannot do with so much has what it can. */
function evenShares<Worker>(
  pool: number,
  ranked: readonly Worker[],
  capacityOf: (worker: Worker) => number,
): { readonly shares: ReadonlyMap<Worker, number>; readonly left: number } {
  const shares = new Map<Worker, number>();
  let open = ranked;
  let left = pool;
  while (open.length > 0) {
    const base = Math.floor(left / open.length);
    const full = open.filter((worker) => capacityOf(worker) <= base);
    if (full.length === 0) {
      const more = left - base * open.length;
      for (const [place, worker] of open.entries()) shares.set(worker, place < more ? base + 1 : base);
      return { shares, left: 0 };
    }
    for (const worker of full) {
      shares.set(worker, capacityOf(worker));
      left -= capacityOf(worker);
    }
    open = open.filter((worker) => !full.includes(worker));
  }
  return { shares, left };
}

function rank(worker: SlotShare): number {
  return worker.openSessions > 0 ? 2 : worker.slots.limit > 0 ? 1 : 0;
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
