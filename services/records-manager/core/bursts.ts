/** Whether requests that were due at the same moment were sent at the same moment. */
import { Column } from "./column.ts";
import type { WorkloadNote } from "./notes.ts";
import { percentileOf } from "./statistics.ts";

/** Requests that were due at the same moment. */
export interface BurstFigures {
  readonly count: number;
  /** Requests of the largest. */
  readonly largest: number;
  /** From the first to the last send of a burst. */
  readonly spreadP50Ns: number;
  readonly spreadMaxNs: number;
  /** Bursts that were not sent within a millisecond. */
  readonly slowCount: number;
}

/** What one burst may take from its first send to its last. */
const MAX_SPREAD_NS = 1e6;
/** Due times nearer to each other than this are one moment: clocks of several hosts do not agree to the nanosecond. */
const SAME_MOMENT_NS = 1e5;

/** The bursts of one phase, by the requests that were sent; those of any order may be added. */
export class Bursts {
  readonly #due = new Column();
  readonly #sent = new Column();

  add(dueNs: number, sentNs: number): void {
    this.#due.push(dueNs);
    this.#sent.push(sentNs);
  }

  /** Undefined where nothing was sent. */
  figures(): BurstFigures | undefined {
    const due = this.#due.values();
    const sent = this.#sent.values();
    const order = Uint32Array.from(due.keys()).sort((a, b) => (due[a] as number) - (due[b] as number));
    const spreads = new Column();
    let largest = 0;
    let burst = { dueNs: Number.NEGATIVE_INFINITY, count: 0, firstNs: 0, lastNs: 0 };
    const close = (): void => {
      if (burst.count === 0) return;
      spreads.push(burst.lastNs - burst.firstNs);
      largest = Math.max(largest, burst.count);
    };
    for (const index of order) {
      const dueNs = due[index] as number;
      const sentNs = sent[index] as number;
      if (dueNs - burst.dueNs > SAME_MOMENT_NS) {
        close();
        burst = { dueNs, count: 1, firstNs: sentNs, lastNs: sentNs };
        continue;
      }
      burst.count++;
      burst.firstNs = Math.min(burst.firstNs, sentNs);
      burst.lastNs = Math.max(burst.lastNs, sentNs);
    }
    close();
    const ordered = spreads.values().sort();
    const count = ordered.length;
    if (count === 0) return undefined;
    return {
      count,
      largest,
      spreadP50Ns: percentileOf(count, 50, (rank) => ordered[rank] as number),
      spreadMaxNs: ordered[count - 1] as number,
      slowCount: ordered.filter((spreadNs) => spreadNs > MAX_SPREAD_NS).length,
    };
  }
}

/** Undefined when every burst was sent within 1 ms. */
export function burstsNote(figures: BurstFigures | undefined): WorkloadNote | undefined {
  if (figures === undefined || figures.slowCount === 0) return undefined;
  const worst = (figures.spreadMaxNs / 1e6).toFixed(2);
  const message = `${figures.slowCount} of ${figures.count} bursts took longer than 1 ms to be sent, the longest ${worst} ms`;
  return { code: "burst_spread", tag: undefined, message };
}
