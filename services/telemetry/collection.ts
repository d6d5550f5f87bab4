/** Scraping for one run: a scraper a page, and one stream that brings their samples to the records-manager. */
import { create } from "@bufbuild/protobuf";
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import { SampleSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import { SampleSender, type SamplesStream } from "../common/sample-sender.ts";
import type { Gap } from "./core/collector.ts";
import type { ScrapeCounts } from "./instruments.ts";
import {
  createScraper,
  type Scraper,
  type ScrapeTotals,
  type SourceReport,
  systemClock,
  type TelemetrySample,
} from "./scraper.ts";
import type { PageFetcher } from "./sources/http.ts";

export interface CollectionOptions {
  readonly runId: string;
  readonly memberId: string;
  readonly urls: readonly string[];
  readonly intervalMs: number;
  readonly fetcher: PageFetcher;
  readonly clock: SuiteClock;
  readonly log: Logger;
  /** Counted up; shared by the collections of a process. */
  readonly counts: ScrapeCounts;
  /** Ascending over the collections of a process. */
  nextSeq(): bigint;
  dial(): SamplesStream;
}

export interface SampleWatcher {
  onSamples(samples: readonly Sample[]): void;
  /** There will be no more. */
  onEnd(): void;
}

export class Collection {
  private readonly options: CollectionOptions;
  private readonly abort = new AbortController();
  private readonly scrapers: Scraper[];
  private readonly sender: SampleSender;
  private readonly sources = new Map<string, { readonly id: number; readonly series: Map<string, number> }>();
  private readonly watchers = new Set<SampleWatcher>();
  private hasLost = false;
  private isClosed = false;

  constructor(options: CollectionOptions) {
    this.options = options;
    this.sender = new SampleSender({ ...options, onLost: () => this.lost() });
    this.scrapers = options.urls.map((url) =>
      createScraper({
        url,
        intervalMs: options.intervalMs,
        clock: systemClock,
        fetchPage: (page, signal) => options.fetcher.fetch(page, signal),
        onSamples: (samples) => this.take(samples),
        onGap: (gap) => {
          this.takeGap(gap);
          options.counts.failures++;
          options.log.debug("a scrape gave nothing", { run_id: options.runId, ...gap });
        },
        signal: this.abort.signal,
      }),
    );
  }

  /** Scrapes from now on; resolves after the first scrape of every page. */
  async start(): Promise<SourceReport[]> {
    this.sender.start();
    return Promise.all(this.scrapers.map((scraper) => scraper.start()));
  }

  /** One last scrape, then no more; resolves when its samples are committed, or after the deadline. */
  async stop(timeoutMs: number): Promise<ScrapeTotals> {
    const each = await Promise.all(this.scrapers.map((scraper) => scraper.stop()));
    await this.sender.drained(timeoutMs);
    this.close();
    return each.reduce(
      (sum, { samples, gaps, skipped }) => ({
        samples: sum.samples + samples,
        gaps: sum.gaps + gaps,
        skipped: sum.skipped + skipped,
      }),
      { samples: 0, gaps: 0, skipped: 0 },
    );
  }

  /** Ends at once, without a last scrape. */
  close(): void {
    this.isClosed = true;
    this.abort.abort();
    this.sender.close();
    for (const { onEnd } of this.watchers) onEnd();
    this.watchers.clear();
  }

  get isOver(): boolean {
    return this.isClosed;
  }

  get queued(): number {
    return this.sender.queued;
  }

  /** Calls back with the samples of every scrape until the returned function is called, or the collection ends. */
  watch(watcher: SampleWatcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private lost(): void {
    const { counts, log, runId } = this.options;
    counts.lostBatches++;
    if (!this.hasLost) log.warn("samples are lost: the records-manager does not take them", { run_id: runId });
    this.hasLost = true;
  }

  private sourceOf(name: string) {
    const known = this.sources.get(name);
    if (known !== undefined) return known;
    const made = { id: this.sender.declareSource("dcgm", name), series: new Map<string, number>() };
    this.sources.set(name, made);
    return made;
  }

  private takeGap({ source, startNs, endNs, reason }: Gap & { readonly source: string }): void {
    const { clock } = this.options;
    const { id } = this.sourceOf(source);
    this.sender.send({ source: id, startNs: clock.toSuite(startNs), endNs: clock.toSuite(endNs), gap: reason });
  }

  /** Of one scrape, at least one. */
  private take(scraped: readonly TelemetrySample[]): void {
    const { clock, counts } = this.options;
    counts.scrapes++;
    counts.samples += scraped.length;
    const [first] = scraped;
    if (first === undefined) return;
    const { id: source, series } = this.sourceOf(first.source);
    const ids = scraped.map(({ subject, field: name, type, unit, labels }) => {
      const key = `${subject} ${name}`;
      const id = series.get(key) ?? this.sender.declareSeries(source, { subject, name, family: name, type, unit, labels });
      series.set(key, id);
      return id;
    });
    const values = new Array<number>(Math.max(...ids) + 1).fill(Number.NaN);
    for (const [at, id] of ids.entries()) values[id] = scraped[at]?.value ?? Number.NaN;
    const startNs = clock.toSuite(first.scrapeStartNs);
    const endNs = clock.toSuite(first.scrapeEndNs);
    const age = first.ageNs === undefined ? {} : { ageNs: first.ageNs };
    this.sender.send({ source, startNs, endNs, values, ...age });
    if (this.watchers.size === 0) return;
    const samples = scraped.map(({ subject, field, unit, type, value, labels }) => {
      const facts = { kind: "dcgm", source: first.source, subject, field, unit, type, labels };
      return create(SampleSchema, { ...facts, value, scrapeStartNs: startNs, scrapeEndNs: endNs, ...age });
    });
    for (const { onSamples } of this.watchers) onSamples(samples);
  }
}
