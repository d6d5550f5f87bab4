/** Simulated time, processes that can stop and die, and connections that misbehave. Everything follows from the seed. */

/** Uniform in [0, 1); the same seed gives the same numbers (mulberry32). */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const MS = 1e6;
export const SEC = 1e9;

interface Event {
  readonly atNs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Runs events in order of time. Time is the true time of the simulated world, which nobody in it can read. */
export class Scheduler {
  readonly #heap: Event[] = [];
  #order = 0;
  nowNs = 0;

  at(atNs: number, run: () => void): void {
    const event = { atNs: Math.max(atNs, this.nowNs), order: this.#order++, run };
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  after(delayNs: number, run: () => void): void {
    this.at(this.nowNs + delayNs, run);
  }

  /** Runs until `isDone`, or the end of time. Returns how many events ran. */
  run(untilNs: number, isDone: () => boolean): number {
    let count = 0;
    while (this.#heap.length > 0 && !isDone()) {
      const event = this.#pop();
      if (event.atNs > untilNs) return count;
      this.nowNs = event.atNs;
      event.run();
      count++;
    }
    return count;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
}

/** An operating system process with a clock of its own. What reaches it while it is stopped waits; once dead, nothing reaches it. */
export class Process {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #offsetNs: number;
  readonly #rate: number;
  readonly #waiting: (() => void)[] = [];
  #armedNs = Number.POSITIVE_INFINITY;
  isDead = false;
  isFrozen = false;

  constructor(scheduler: Scheduler, name: string, clock: { offsetNs: number; rate: number }) {
    this.#scheduler = scheduler;
    this.name = name;
    this.#offsetNs = clock.offsetNs;
    this.#rate = clock.rate;
  }

  /** The process's own clock. */
  now(): number {
    return this.clockAt(this.#scheduler.nowNs);
  }

  clockAt(trueNs: number): number {
    return this.#offsetNs + trueNs * this.#rate;
  }

  trueAt(clockNs: number): number {
    return (clockNs - this.#offsetNs) / this.#rate;
  }

  /** Hands something in, now or when the process goes on. */
  deliver(run: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) this.#waiting.push(run);
    else run();
  }

  after(delayNs: number, run: () => void): void {
    this.#scheduler.after(delayNs, () => this.deliver(run));
  }

  /** One timer: the earliest of what was asked for since it last fired. */
  arm(clockNs: number, fire: () => void): void {
    if (clockNs === Number.POSITIVE_INFINITY) return;
    const atNs = Math.max(this.trueAt(clockNs), this.#scheduler.nowNs);
    if (atNs >= this.#armedNs) return;
    this.#armedNs = atNs;
    // A timer is a little late, never early.
    this.#scheduler.at(atNs + 1e5, () => {
      if (this.#armedNs !== atNs) return;
      this.#armedNs = Number.POSITIVE_INFINITY;
      this.deliver(fire);
    });
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** Goes on; `isTimerFirst`: its timers come before what its sockets hold. */
  thaw(timer: (() => void) | undefined): void {
    if (!this.isFrozen || this.isDead) return;
    this.isFrozen = false;
    timer?.();
    for (const run of this.#waiting.splice(0)) this.deliver(run);
  }

  kill(): void {
    this.isDead = true;
    this.#waiting.length = 0;
  }
}

export interface Ends<ToServer, ToClient> {
  readonly client: Process;
  readonly server: Process;
  readonly atServer: (message: ToServer) => void;
  readonly atClient: (message: ToClient) => void;
  readonly serverEnded: () => void;
  readonly clientEnded: () => void;
}

/** A stream: each direction keeps its order, whatever the delay. */
export class Connection<ToServer, ToClient> {
  readonly #scheduler: Scheduler;
  readonly #ends: Ends<ToServer, ToClient>;
  readonly #delayNs: () => number;
  #serverArrivalNs = 0;
  #clientArrivalNs = 0;
  #isCut = false;
  #isClientOpen = true;
  #isServerOpen = true;

  constructor(scheduler: Scheduler, delayNs: () => number, ends: Ends<ToServer, ToClient>) {
    this.#scheduler = scheduler;
    this.#delayNs = delayNs;
    this.#ends = ends;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  toServer(message: ToServer): void {
    if (!this.#isClientOpen) return;
    this.#serverArrivalNs = Math.max(this.#serverArrivalNs, this.#scheduler.nowNs + this.#delayNs());
    this.#scheduler.at(this.#serverArrivalNs, () => {
      if (this.#isCut) return;
      this.#ends.server.deliver(() => {
        if (this.#isServerOpen) this.#ends.atServer(message);
      });
    });
  }

  toClient(message: ToClient): void {
    if (!this.#isServerOpen) return;
    this.#clientArrivalNs = Math.max(this.#clientArrivalNs, this.#scheduler.nowNs + this.#delayNs());
    this.#scheduler.at(this.#clientArrivalNs, () => {
      if (this.#isCut) return;
      this.#ends.client.deliver(() => {
        if (this.#isClientOpen) this.#ends.atClient(message);
      });
    });
  }

  /** Everything in one direction arrives no earlier than this. */
  hold(direction: "to_server" | "to_client", untilNs: number): void {
    if (direction === "to_server") this.#serverArrivalNs = Math.max(this.#serverArrivalNs, untilNs);
    else this.#clientArrivalNs = Math.max(this.#clientArrivalNs, untilNs);
  }

  closeByClient(): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#serverArrivalNs = Math.max(this.#serverArrivalNs, this.#scheduler.nowNs + this.#delayNs());
    this.#scheduler.at(this.#serverArrivalNs, () => {
      if (!this.#isCut) this.#endAtServer();
    });
  }

  closeByServer(): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    this.#clientArrivalNs = Math.max(this.#clientArrivalNs, this.#scheduler.nowNs + this.#delayNs());
    this.#scheduler.at(this.#clientArrivalNs, () => {
      if (!this.#isCut) this.#endAtClient();
    });
  }

  /** Nothing gets through any more, not even what is under way; each end notices after its delay, or (Infinity) never. */
  cut(noticedByClientNs: number, noticedByServerNs: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    if (noticedByClientNs < Number.POSITIVE_INFINITY) this.#scheduler.after(noticedByClientNs, () => this.#endAtClient());
    if (noticedByServerNs < Number.POSITIVE_INFINITY) this.#scheduler.after(noticedByServerNs, () => this.#endAtServer());
  }

  #endAtServer(): void {
    this.#ends.server.deliver(() => {
      if (!this.#isServerOpen) return;
      this.#isServerOpen = false;
      this.#ends.serverEnded();
    });
  }

  #endAtClient(): void {
    this.#ends.client.deliver(() => {
      if (!this.#isClientOpen) return;
      this.#isClientOpen = false;
      this.#ends.clientEnded();
    });
  }
}
