/** One GPU page scraped on a grid: ties the schedule, the clock and the fetch together. */
import { setTimeout as delay } from "node:timers/promises";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import { messageOf } from "../common/errors.ts";
import { afterScrape, firstScrapeState, type Gap, type Scrape } from "./core/collector.ts";
import { type GpuReading, readGpus } from "./core/dcgm.ts";
import { parseMetricsPage } from "./core/prometheus.ts";
import type { FetchedPage } from "./sources/http.ts";

/** One value of one scrape. */
export interface TelemetrySample {
  /** The page's URL. */
  readonly source: string;
  /** GPU UUID, with `/instance` for a MIG instance. */
  readonly subject: string;
  readonly field: string;
  readonly unit: string;
  readonly type: "gauge" | "counter";
  readonly value: number;
  /** The value was taken before the end of the scrape, by `ageNs` and the exporter's own interval at most. */
  readonly scrapeStartNs: MonotonicNs;
  readonly scrapeEndNs: MonotonicNs;
  /** How long the page had said the same when the scrape began; undefined: no change has been seen yet. */
  readonly ageNs: number | undefined;
  /** Index, model, host and so on, as the page gives them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What a page is. */
export interface SourceReport {
  readonly url: string;
  /** It answered and has GPU values. */
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

export type FetchPage = (url: string, signal: AbortSignal) => Promise<FetchedPage>;

export interface ScraperOptions {
  readonly url: string;
  readonly intervalMs: number;
  /** Longest pause after failures. Default: 10 s, or the interval where that is longer. */
  readonly maxBackoffMs?: number;
  readonly clock: ScraperClock;
  /** Must have a deadline of its own: it bounds every wait here. */
  readonly fetchPage: FetchPage;
  /** Samples of one scrape, at least one, in the page's order. Must not throw. */
  readonly onSamples: (samples: readonly TelemetrySample[]) => void;
  /** A scrape that gave nothing. Must not throw. */
  readonly onGap: (gap: Gap & { readonly source: string }) => void;
  /** Ends everything at once, without a last scrape. */
  readonly signal: AbortSignal;
}

export interface Scraper {
  /** Scrapes from now on; to be called once. Resolves after the first scrape, whatever came of it, within the fetch's deadline. */
  start(): Promise<SourceReport>;
  /** Ends the waiting, lets a scrape in flight end, scrapes once more (not after an abort), then resolves. */
  stop(): Promise<ScrapeTotals>;
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

/** A scraper of one page; nothing happens before `start`. A page that is absent is tried again, ever less often. */
export function createScraper(options: ScraperOptions): Scraper {
  const { url, clock, fetchPage, signal } = options;
  const intervalNs = options.intervalMs * 1e6;
  const maxBackoffNs = Math.max(intervalNs, (options.maxBackoffMs ?? 10_000) * 1e6);
  const stopping = new AbortController();
  const waitSignal = AbortSignal.any([stopping.signal, signal]);
  let grid = { originNs: 0, intervalNs, maxBackoffNs };
  let state = firstScrapeState(grid);
  const totals = { samples: 0, gaps: 0 };
  let loop: Promise<void> | undefined;

  async function scrape(): Promise<PageContent> {
    const startNs = clock.now();
    const content = readPage(await fetchPage(url, signal));
    const endNs = clock.now();
    // What an abort cuts short is no gap in the page.
    if (!signal.aborted) take({ startNs, endNs, outcome: outcomeOf(content) }, content);
    return content;
  }

  function take(scraped: Scrape, content: PageContent): void {
    const { state: next, verdict } = afterScrape(state, scraped, grid);
    state = next;
    if (verdict.kind === "gap") {
      totals.gaps += 1;
      options.onGap({ source: url, ...verdict.gap });
      return;
    }
    const samples = samplesOf(url, content, scraped, verdict.ageNs);
    totals.samples += samples.length;
    options.onSamples(samples);
  }

  async function run(): Promise<void> {
    while (!waitSignal.aborted) {
      await clock.waitUntil(state.dueNs, waitSignal);
      if (!waitSignal.aborted) await scrape();
    }
    if (!signal.aborted) await scrape();
  }

  return {
    async start() {
      grid = { ...grid, originNs: clock.now() };
      state = firstScrapeState(grid);
      const first = scrape();
      loop = first.then(run);
      return reportOf(url, await first);
    },
    async stop() {
      stopping.abort();
      await loop;
      return { ...totals, skipped: state.skipped };
    },
  };
}

/** What a page says about GPUs, or why it says nothing. */
type PageContent = { readonly readings: readonly GpuReading[] } | { readonly reason: string };

function readPage(page: FetchedPage): PageContent {
  if (page.kind !== "page") return { reason: page.reason };
  try {
    const readings = readGpus(parseMetricsPage(page.text));
    return readings.length > 0 ? { readings } : { reason: "page has no GPU values" };
  } catch (error) {
    return { reason: `page is not in the Prometheus text format: ${messageOf(error)}` };
  }
}

function reportOf(url: string, content: PageContent): SourceReport {
  if ("reason" in content) return { url, isPresent: false, reason: content.reason, subjects: [] };
  return { url, isPresent: true, reason: undefined, subjects: content.readings.map((reading) => reading.gpu.key) };
}

function outcomeOf(content: PageContent): Scrape["outcome"] {
  if ("reason" in content) return { kind: "failed", reason: content.reason };
  // Values only: other lines of the page, such as the exporter's own, may move while the GPUs' do not.
  const said = content.readings.map(({ gpu, values }) => [gpu.key, values.map((entry) => [entry.field.name, entry.value])]);
  return { kind: "page", content: JSON.stringify(said) };
}

function samplesOf(source: string, content: PageContent, scraped: Scrape, ageNs: number | undefined): TelemetrySample[] {
  if ("reason" in content) return [];
  return content.readings.flatMap(({ gpu, values }) =>
    values.map(({ field, value }) => ({
      source,
      subject: gpu.key,
      field: field.name,
      unit: field.unit,
      type: field.kind,
      value,
      scrapeStartNs: scraped.startNs,
      scrapeEndNs: scraped.endNs,
      ageNs,
      labels: gpu.labels,
    })),
  );
}
