/** Scraping for one run: a scraper a page, and one stream that brings their samples to the records-manager. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import { SampleSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type {
  IngestSamplesRequestSchema,
  IngestSamplesResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
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

export type SamplesStream = MessageStream<IngestSamplesResponse, MessageInitShape<typeof IngestSamplesRequestSchema>>;

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
  dial(): SamplesStream;
}

export interface SampleWatcher {
  onSamples(samples: readonly Sample[]): void;
  /** There will be no more. */
  onEnd(): void;
}

const keptBatches = 1000;
const redialMs = 250;

export class Collection {
  private readonly options: CollectionOptions;
  private readonly abort = new AbortController();
  private readonly scrapers: Scraper[];
  private readonly waiting: { readonly seq: bigint; readonly samples: Sample[] }[] = [];
  private readonly watchers = new Set<SampleWatcher>();
  private stream: SamplesStream | undefined;
  private isTaken = false;
  private seq = 0n;
  private lostBatches = 0;
  private isClosed = false;
  private redial: NodeJS.Timeout | undefined;
  private waiters: (() => void)[] = [];

  constructor(options: CollectionOptions) {
    this.options = options;
    this.scrapers = options.urls.map((url) =>
      createScraper({
        url,
        intervalMs: options.intervalMs,
        clock: systemClock,
        fetchPage: (page, signal) => options.fetcher.fetch(page, signal),
        onSamples: (samples) => this.take(samples),
        onGap: (gap) => {
          options.counts.failures++;
          options.log.debug("a scrape gave nothing", { run_id: options.runId, ...gap });
        },
        signal: this.abort.signal,
      }),
    );
  }

  /** Scrapes from now on; resolves after the first scrape of every page. */
  async start(): Promise<SourceReport[]> {
    this.dial();
    return Promise.all(this.scrapers.map((scraper) => scraper.start()));
  }

  /** One last scrape, then no more; resolves when its samples are committed, or after the deadline. */
  async stop(timeoutMs: number): Promise<ScrapeTotals> {
    const each = await Promise.all(this.scrapers.map((scraper) => scraper.stop()));
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.wake();
    }, timeoutMs);
    while (this.waiting.length > 0 && !isLate && !this.isClosed) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    clearTimeout(late);
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
    clearTimeout(this.redial);
    this.stream?.end();
    this.wake();
    for (const { onEnd } of this.watchers) onEnd();
    this.watchers.clear();
  }

  get isOver(): boolean {
    return this.isClosed;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Calls back with the samples of every scrape until the returned function is called, or the collection ends. */
  watch(watcher: SampleWatcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private take(scraped: readonly TelemetrySample[]): void {
    const { clock, log, runId, counts } = this.options;
    counts.scrapes++;
    counts.samples += scraped.length;
    const samples = scraped.map((sample) =>
      create(SampleSchema, {
        source: sample.source,
        subject: sample.subject,
        field: sample.field,
        unit: sample.unit,
        value: sample.value,
        scrapeStartNs: clock.toSuite(sample.scrapeStartNs),
        scrapeEndNs: clock.toSuite(sample.scrapeEndNs),
        labels: sample.labels,
        ...(sample.ageNs === undefined ? {} : { ageNs: sample.ageNs }),
      }),
    );
    for (const { onSamples } of this.watchers) onSamples(samples);
    const seq = ++this.seq;
    this.waiting.push({ seq, samples });
    if (this.waiting.length > keptBatches) {
      this.waiting.shift();
      counts.lostBatches++;
      if (this.lostBatches++ === 0) log.warn("samples are lost: the records-manager does not take them", { run_id: runId });
    }
    if (this.isTaken) this.stream?.send({ message: { case: "batch", value: { seq, samples } } });
  }

  private dial(): void {
    if (this.isClosed) return;
    const { runId, memberId } = this.options;
    const stream = this.options.dial();
    this.stream = stream;
    stream.send({ message: { case: "hello", value: { protocolVersion, runId, memberId } } });
    stream.onMessage(({ ackedSeq }) => {
      if (ackedSeq === 0n) {
        this.isTaken = true;
        for (const { seq, samples } of this.waiting) stream.send({ message: { case: "batch", value: { seq, samples } } });
        return;
      }
      while (this.waiting[0] !== undefined && this.waiting[0].seq <= ackedSeq) this.waiting.shift();
      this.wake();
    });
    stream.onClose(() => {
      if (this.stream !== stream) return;
      this.stream = undefined;
      this.isTaken = false;
      if (!this.isClosed) this.redial = setTimeout(() => this.dial(), redialMs);
    });
  }
}
