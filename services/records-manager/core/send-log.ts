/** When the requests of one phase were due, sent and over: how well the load kept to its schedule. */
import { type BurstFigures, Bursts } from "./bursts.ts";
import { Column } from "./column.ts";
import { BIN_MIN_NS, BIN_SENDS, dispersionOf, MIN_BINS, neighbourCorrelation } from "./evenness.ts";
import { selectedPercentiles } from "./statistics.ts";

/** A request's moments, on one clock but for `endNs`. */
export interface SendMoments {
  /** Null: as soon as a slot was free. */
  readonly dueNs: number | null;
  readonly issuedNs: number;
  readonly sentNs: number;
  /** When it was over, whatever came of it, after `sentNs`. */
  readonly endNs: number;
  /** How long its connection took to open; null: the connection had carried a request before. */
  readonly connectNs: number | null;
  readonly receivedNs: number;
  readonly workerId: string;
  /** Turn of its conversation, from 0. */
  readonly turn: number;
}

/** A distribution of durations. */
export interface Spans {
  readonly count: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}

/** The same figure of what was sent and of the realised schedule, the seeded draw that it followed. */
export interface SentAndScheduled {
  readonly sent: number;
  readonly scheduled: number;
}

/** How the requests of a phase were sent. What does not apply, or rests on too few requests, is undefined. */
export interface SendFigures {
  readonly count: number;
  /** From the first to the last of them; the scheduled one only where all had a due time. */
  readonly sentPerSec: number | undefined;
  readonly scheduledPerSec: number | undefined;
  /** Variance over mean of the requests in equal bins: 0 as a clock, 1 as chance, more in clusters. */
  readonly dispersion: SentAndScheduled | undefined;
  /** Correlation of neighbouring gaps: 0 where they know nothing of each other. */
  readonly gapCorrelation: SentAndScheduled | undefined;
  readonly bursts: BurstFigures | undefined;
  /** Lateness of the request that was due first. */
  readonly firstLatenessNs: number | undefined;
  /** Requests that waited for a slot below a ceiling for longer than a millisecond, and how long: issued − due. */
  readonly slotWaits: Spans | undefined;
  /** Requests that waited while a connection was opened for them, and how long. */
  readonly connectionWaits: Spans | undefined;
  /** Closed loops of single turns: from a request's end to the next send of the same worker. */
  readonly turnaround: Spans | undefined;
}

export interface SendLogOptions {
  /** A request with a due time may have waited for a slot. */
  readonly hasCeiling: boolean;
  /** A closed loop whose slots are to be used again at once. */
  readonly fillsSlots: boolean;
  /** An open loop of requests that are due together. */
  readonly hasBursts: boolean;
  /** At most so many, or about as many; default: nobody knows. */
  readonly expectedRequests?: number | undefined;
}

const SLOT_WAIT_NS = 1e6;
const ALL_WORKERS = "";

export class SendLog {
  readonly #options: SendLogOptions;
  readonly #due: Column;
  /** Only a closed loop has to tell them apart. */
  readonly #workers = new Map<string, WorkerMoments>();
  readonly #slotWaits = new Column();
  readonly #connectionWaits = new Column();
  readonly #bursts: Bursts | undefined;
  #first = { dueNs: Number.POSITIVE_INFINITY, latenessNs: 0 };
  #hasLaterTurns = false;

  constructor(options: SendLogOptions) {
    this.#options = options;
    this.#due = new Column(options.fillsSlots ? undefined : options.expectedRequests);
    this.#bursts = options.hasBursts ? new Bursts() : undefined;
  }

  /** Takes requests in the order in which they were drawn. */
  add({ dueNs, issuedNs, sentNs, endNs, connectNs, receivedNs, workerId, turn }: SendMoments): void {
    const worker = this.#worker(this.#options.fillsSlots ? workerId : ALL_WORKERS);
    worker.sent.push(sentNs);
    worker.end?.push(sentNs + endNs);
    if (turn > 0) this.#hasLaterTurns = true;
    if (connectNs !== null && sentNs - Math.max(dueNs ?? 0, receivedNs) >= connectNs) this.#connectionWaits.push(connectNs);
    if (dueNs === null) return;
    this.#due.push(dueNs);
    this.#bursts?.add(dueNs, sentNs);
    if (dueNs < this.#first.dueNs) this.#first = { dueNs, latenessNs: sentNs - dueNs };
    if (this.#options.hasCeiling && issuedNs - dueNs > SLOT_WAIT_NS) this.#slotWaits.push(issuedNs - dueNs);
  }

  /** Puts what was gathered in order of time: nothing may be added any more. */
  figures(): SendFigures {
    const sent = this.#sends().sort();
    const due = this.#due.values().sort();
    const isScheduled = due.length > 0 && due.length === sent.length;
    const scheduledPerSec = isScheduled ? rateOf(due) : undefined;
    return {
      count: sent.length,
      sentPerSec: rateOf(sent),
      scheduledPerSec,
      ...(scheduledPerSec === undefined ? NO_EVENNESS : evennessOf(sent, due, scheduledPerSec)),
      bursts: this.#bursts?.figures(),
      firstLatenessNs: due.length === 0 ? undefined : this.#first.latenessNs,
      slotWaits: spansOf(this.#slotWaits.values()),
      connectionWaits: spansOf(this.#connectionWaits.values()),
      turnaround: this.#options.fillsSlots && !this.#hasLaterTurns ? spansOf(this.#turnarounds()) : undefined,
    };
  }

  /**
   * A slot that gets free is used again by the same worker, so a send is held against the youngest end of a request there that no
   * send has followed yet. Sends into slots that were never used, and ends of slots that were taken away, stay without a partner.
   */
  #turnarounds(): Float64Array {
    const gaps = new Column();
    for (const worker of this.#workers.values()) {
      const ends = worker.end?.values().sort() ?? new Float64Array();
      const free: number[] = [];
      let next = 0;
      for (const sentNs of worker.sent.values().sort()) {
        for (let endNs = ends[next]; endNs !== undefined && endNs <= sentNs; endNs = ends[++next]) free.push(endNs);
        const endNs = free.pop();
        if (endNs !== undefined) gaps.push(sentNs - endNs);
      }
    }
    return gaps.values();
  }

  #sends(): Float64Array {
    const columns = [...this.#workers.values()].map(({ sent }) => sent.values());
    if (columns.length === 1 && columns[0] !== undefined) return columns[0];
    const sends = new Float64Array(columns.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const column of columns) {
      sends.set(column, at);
      at += column.length;
    }
    return sends;
  }

  #worker(workerId: string): WorkerMoments {
    const known = this.#workers.get(workerId);
    if (known !== undefined) return known;
    const { fillsSlots, expectedRequests } = this.#options;
    const worker = fillsSlots
      ? { sent: new Column(), end: new Column() }
      : { sent: new Column(expectedRequests), end: undefined };
    this.#workers.set(workerId, worker);
    return worker;
  }
}

/** Of one worker's requests, in the order of adding. */
interface WorkerMoments {
  readonly sent: Column;
  /** Undefined: nobody asks for a turnaround. */
  readonly end: Column | undefined;
}

/** Distribution of `values`; undefined where there are none. */
export function spansOf(values: Float64Array): Spans | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const found = selectedPercentiles(values, [50, 99, 100]);
  const at = (percentile: number): number => found.get(percentile) ?? Number.NaN;
  return { count, p50Ns: at(50), p99Ns: at(99), maxNs: at(100) };
}

/** Rate of ascending moments; undefined where they are no two apart. */
function rateOf(moments: Float64Array): number | undefined {
  const spanNs = (moments.at(-1) ?? 0) - (moments[0] ?? 0);
  return spanNs > 0 ? ((moments.length - 1) * 1e9) / spanNs : undefined;
}

const NO_EVENNESS = { dispersion: undefined, gapCorrelation: undefined } as const;

function evennessOf(sent: Float64Array, due: Float64Array, perSec: number): Pick<SendFigures, "dispersion" | "gapCorrelation"> {
  const binNs = Math.max((BIN_SENDS * 1e9) / perSec, BIN_MIN_NS);
  const firstNs = due[0] as number;
  const bins = Math.floor(((due.at(-1) as number) - firstNs) / binNs);
  if (bins < MIN_BINS) return NO_EVENNESS;
  // Half a gap before the first: what is evenly spaced lies in the middle between two edges.
  const grid = { originNs: firstNs - 0.5e9 / perSec, binNs, bins };
  return {
    dispersion: { sent: dispersionOf(sent, grid), scheduled: dispersionOf(due, grid) },
    gapCorrelation: { sent: neighbourCorrelation(sent), scheduled: neighbourCorrelation(due) },
  };
}
