/** One source scraped on a grid: ties the schedule, the clock and the source together. */
import { setTimeout as delay } from "node:timers/promises";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import { afterScrape, firstScrapeState, type Gap, type Scrape } from "./core/collector.ts";
import type { SourceKind, SourceReading } from "./core/sources/series.ts";
import type { Source, SourceAnswer } from "./sources/source.ts";

/** When a reading was taken. Its values were there before the end, by `ageNs` and the source's own interval at most. */
export interface ScrapeTimes {
  readonly startNs: MonotonicNs;
  readonly endNs: MonotonicNs;
  /** How long the source had said the same when the scrape began; undefined: no change has been seen yet. */
  readonly ageNs: number | undefined;
}

/** What a source is. */
export interface SourceReport {
  readonly url: string;
  /** Undefined: it said nothing. */
  readonly kind: SourceKind | undefined;
  /** It answered and has values. */
  readonly isPresent: boolean;
  /** Why not. */
  readonly reason: string | undefined;
  /** UUIDs (with MIG instances) that it tells about. */
  readonly subjects: readonly string[];
}

export interface ScrapeTotals {
  readonly samples: number;
  /** Scrapes that failed. */
  readonly gaps: number;
  /** Moments of the grid that passed during scrapes. */
  readonly skipped: number;
}

export interface ScraperClock {
  now(): MonotonicNs;
  /** Resolves when `now()` is at least `ns`, or at once when `signal` aborts. Never rejects. */
  waitUntil(ns: MonotonicNs, signal: AbortSignal): Promise<void>;
}

export interface ScraperOptions {
  /** Must have a deadline of its own: it bounds every wait here. */
  readonly source: Source;
  readonly intervalMs: number;
  /** The first interval is shorter by this part of it, 0 or more and below 1. Default: 0. */
  readonly shift?: number;
  /** Longest pause after failures. Default: 10 s, or the interval where that is longer. */
  readonly maxBackoffMs?: number;
  readonly clock: ScraperClock;
  /** A scrape that gave values. Must not throw. */
  readonly onReading: (reading: SourceReading, times: ScrapeTimes) => void;
  /** A scrape that gave nothing. Must not throw. */
  readonly onGap: (gap: Gap) => void;
  /** Ends everything at once, without a last scrape. */
  readonly signal: AbortSignal;
}

export interface Scraper {
  /** Scrapes from now on; to be called once. Resolves after the first scrape, whatever came of it, within the source's deadline. */
  start(): Promise<SourceReport>;
  /** One scrape at once, or behind the one in flight, in the place of the due one. */
  scrapeNow(): void;
  /**
   * Ends the waiting, lets a scrape in flight and one that was asked for end, scrapes once more where it is `withLast` and none was asked for
   * (not after an abort), then resolves.
   */
  stop(withLast: boolean): Promise<ScrapeTotals>;
}

/** Real time. */
export const systemClock: ScraperClock = {
  now: monotonicNs,
  async waitUntil(ns, signal) {
    // A timer may fire up to a millisecond before its time.
    for (let leftNs = ns - monotonicNs(); leftNs > 0 && !signal.aborted; leftNs = ns - monotonicNs()) {
      await delay(Math.ceil(leftNs / 1e6), undefined, { signal }).catch(ignoreAbort);
    }
  },
};

/** The only thing that a pause rejects with is the abort that it was given, and the loop around it looks at that. */
function ignoreAbort(): void {}

/** A scraper of one source; nothing happens before `start`. A source that is absent is tried again, ever less often. */
export function createScraper(options: ScraperOptions): Scraper {
  const { source, clock, signal } = options;
  const intervalNs = options.intervalMs * 1e6;
  const maxBackoffNs = Math.max(intervalNs, (options.maxBackoffMs ?? 10_000) * 1e6);
  const stopping = new AbortController();
  const ending = AbortSignal.any([stopping.signal, signal]);
  /** Aborted: a scrape was asked for that has not begun. */
  let asked = new AbortController();
  let isLastWanted = false;
  let grid = { originNs: 0, intervalNs, maxBackoffNs };
  let state = firstScrapeState(grid);
  const totals = { samples: 0, gaps: 0 };
  let loop: Promise<void> | undefined;

  async function scrape(): Promise<SourceAnswer> {
    asked = new AbortController();
    const startNs = clock.now();
    const answer = await source.read(signal);
    const endNs = clock.now();
    // What an abort cuts short is no gap in the source.
    if (!signal.aborted) take({ startNs, endNs, outcome: outcomeOf(answer) }, answer);
    return answer;
  }

  function take(scraped: Scrape, answer: SourceAnswer): void {
    const { state: next, verdict } = afterScrape(state, scraped, grid);
    state = next;
    if (verdict.kind === "gap") {
      totals.gaps += 1;
      options.onGap(verdict.gap);
    } else if (answer.kind === "reading") {
      totals.samples += answer.reading.ids.length;
      options.onReading(answer.reading, { startNs: scraped.startNs, endNs: scraped.endNs, ageNs: verdict.ageNs });
    }
  }

  async function run(): Promise<void> {
    while (!ending.aborted) {
      await clock.waitUntil(state.dueNs, AbortSignal.any([ending, asked.signal]));
      if (!ending.aborted) await scrape();
    }
    if (!signal.aborted && (isLastWanted || asked.signal.aborted)) await scrape();
  }

  return {
    async start() {
      grid = { ...grid, originNs: clock.now() - (options.shift ?? 0) * intervalNs };
      state = firstScrapeState(grid);
      const first = scrape();
      loop = first.then(run);
      return reportOf(source, await first);
    },
    scrapeNow: () => asked.abort(),
    async stop(withLast) {
      isLastWanted = withLast;
      stopping.abort();
      await loop;
      return { ...totals, skipped: state.skipped };
    },
  };
}

function reportOf({ name, series }: Source, answer: SourceAnswer): SourceReport {
  if (answer.kind !== "reading") return { url: name, kind: undefined, isPresent: false, reason: answer.reason, subjects: [] };
  const subjects = [...new Set(series.map(({ subject }) => subject).filter((subject) => subject !== ""))];
  return { url: name, kind: answer.reading.kind, isPresent: true, reason: undefined, subjects };
}

function outcomeOf(answer: SourceAnswer): Scrape["outcome"] {
  if (answer.kind !== "reading") return { kind: "failed", reason: answer.reason };
  return { kind: "page", isChanged: answer.reading.isChanged };
}
