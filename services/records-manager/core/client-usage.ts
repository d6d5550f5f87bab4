/**
 * What the workers used while phases were measured, from the readings that each gives of itself twice a second. A reading covers
 * the time since the one before; the first of a phase, which has start-up in it, is not stored.
 */

/** One reading of one worker. NaN: not known. */
export interface UsageReading {
  readonly workerId: string;
  readonly ns: number;
  readonly loopUtilisation: number;
  readonly loopDelayMaxNs: number;
  readonly gcNs: number;
  readonly gcCount: number;
  readonly gcMaxNs: number;
  readonly openFds: number;
  /** Of its file descriptors in use. */
  readonly fdShare: number;
  /** To targets, open now. */
  readonly connections: number;
  /** Since the worker's run began. */
  readonly openedConnections: number;
  readonly replacedConnections: number;
}

/** A stretch of suite time that is measured. */
export interface Window {
  readonly startNs: number;
  readonly endNs: number;
}

/** The worst worker's figures, except where all are counted together. Undefined: too little was read to say. */
export interface ClientUsage {
  readonly workers: number;
  /** Share of the busiest second in which the event loop was busy: the mean of two readings in a row. */
  readonly loopUtilisationMax: number | undefined;
  readonly loopDelayMaxNs: number | undefined;
  /** Share of the time in which the loop stood still for longer than 10 ms at a stretch, by the longest stretch of each reading. */
  readonly blockedShare: number | undefined;
  /** Share of the time that went into garbage collection. */
  readonly gcShare: number | undefined;
  /** Pauses of all workers, and the longest of them. */
  readonly gcCount: number;
  readonly gcMaxNs: number | undefined;
  readonly fdShareMax: number | undefined;
  /** Connections of all workers that were opened while phases were measured, and those that the target closed between two requests. */
  readonly openedConnections: number;
  readonly replacedConnections: number;
}

/** Shorter stretches are the timer's own jitter, and as long as the p99 of a stamp's error may be. */
const BLOCKED_NS = 10e6;
/** A share of the time rests on at least so many readings, two seconds: in fewer one pause would be all there is. */
const MIN_READINGS = 4;
/** Standstills in fewer readings than this are hiccups, which a short run may have. */
const MIN_BLOCKED_READINGS = 3;
/** What a reading covers that has none before it; nothing is known of it but the usual distance. */
const READING_NS = 500e6;

export class UsageMeter {
  readonly #windows: readonly Window[];
  readonly #workers = new Map<string, WorkerUse>();

  /** `windows`: what is measured; none: everything is. */
  constructor(windows: readonly Window[]) {
    this.#windows = windows;
  }

  /** Takes readings in the order of time, those of several workers mixed. */
  add(reading: UsageReading): void {
    const isMeasured =
      this.#windows.length === 0 || this.#windows.some(({ startNs, endNs }) => covers(startNs, endNs, reading.ns));
    if (!isMeasured) return;
    const use = this.#workers.get(reading.workerId) ?? new WorkerUse();
    this.#workers.set(reading.workerId, use);
    use.add(reading);
  }

  usage(): ClientUsage {
    const uses = [...this.#workers.values()];
    return {
      workers: uses.length,
      loopUtilisationMax: highest(uses.map((use) => use.busiest)),
      loopDelayMaxNs: highest(uses.map((use) => use.delayMaxNs)),
      blockedShare: highest(uses.map((use) => use.shareOf(use.blockedNs))),
      gcShare: highest(uses.map((use) => use.shareOf(use.gcNs))),
      gcCount: uses.reduce((sum, use) => sum + use.gcCount, 0),
      gcMaxNs: highest(uses.map((use) => use.gcMaxNs)),
      fdShareMax: highest(uses.map((use) => use.fdShare)),
      openedConnections: uses.reduce((sum, use) => sum + use.opened.rise, 0),
      replacedConnections: uses.reduce((sum, use) => sum + use.replaced.rise, 0),
    };
  }
}

/** A reading tells of the time before it, so that the one right after the end still belongs to the window. */
function covers(startNs: number, endNs: number, ns: number): boolean {
  return ns > startNs && ns <= endNs + READING_NS;
}

class WorkerUse {
  busiest = Number.NaN;
  delayMaxNs = Number.NaN;
  gcMaxNs = Number.NaN;
  fdShare = Number.NaN;
  gcNs = 0;
  gcCount = 0;
  readonly opened = new Counter();
  readonly replaced = new Counter();
  #blockedNs = 0;
  #blockedReadings = 0;
  #readings = 0;
  #coveredNs = 0;
  #before = { ns: Number.NaN, utilisation: Number.NaN };

  add(reading: UsageReading): void {
    const { ns, loopUtilisation: utilisation, loopDelayMaxNs, gcNs } = reading;
    const elapsedNs = ns - this.#before.ns;
    const coveredNs = elapsedNs > 0 && elapsedNs < 2 * READING_NS ? elapsedNs : READING_NS;
    this.#readings++;
    this.#coveredNs += coveredNs;
    // Not across the time between two phases.
    if (coveredNs === elapsedNs) this.busiest = larger(this.busiest, (utilisation + this.#before.utilisation) / 2);
    this.#before = { ns, utilisation };
    this.delayMaxNs = larger(this.delayMaxNs, loopDelayMaxNs);
    if (loopDelayMaxNs > BLOCKED_NS) {
      this.#blockedReadings++;
      this.#blockedNs += loopDelayMaxNs;
    }
    if (gcNs > 0) this.gcNs += gcNs;
    if (reading.gcCount > 0) this.gcCount += reading.gcCount;
    this.gcMaxNs = larger(this.gcMaxNs, reading.gcMaxNs);
    this.fdShare = larger(this.fdShare, reading.fdShare);
    this.opened.add(reading.openedConnections);
    this.replaced.add(reading.replacedConnections);
  }

  get blockedNs(): number {
    return this.#blockedReadings < MIN_BLOCKED_READINGS ? 0 : this.#blockedNs;
  }

  shareOf(ns: number): number {
    return this.#readings < MIN_READINGS ? Number.NaN : Math.min(1, ns / this.#coveredNs);
  }
}

/** A count that only rises, from its first reading on. */
class Counter {
  #first = Number.NaN;
  #last = Number.NaN;

  add(value: number): void {
    if (Number.isNaN(value)) return;
    if (Number.isNaN(this.#first)) this.#first = value;
    this.#last = value;
  }

  get rise(): number {
    return Number.isNaN(this.#first) ? 0 : this.#last - this.#first;
  }
}

/** The larger of two where both are known, else the known one. */
function larger(a: number, b: number): number {
  return Number.isNaN(a) || b > a ? b : a;
}

/** Ignores NaN; undefined when nothing is left. */
export function highest(values: readonly number[]): number | undefined {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? undefined : Math.max(...known);
}
