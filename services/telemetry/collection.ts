/** Scraping for one run: a scraper a source, and one stream that brings their samples to the records-manager. */
import { create } from "@bufbuild/protobuf";
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import { SampleSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import { SampleSender, type SamplesStream } from "../common/sample-sender.ts";
import type { Gap } from "./core/collector.ts";
import type { SourceKind, SourceReading } from "./core/sources/series.ts";
import type { ScrapeCounts } from "./instruments.ts";
import { createScraper, type Scraper, type ScrapeTimes, type ScrapeTotals, type SourceReport, systemClock } from "./scraper.ts";
import type { Source } from "./sources/source.ts";

export interface CollectionOptions {
  readonly runId: string;
  readonly memberId: string;
  readonly intervalMs: number;
  readonly clock: SuiteClock;
  readonly log: Logger;
  /** Counted up; shared by the collections of a process. */
  readonly counts: ScrapeCounts;
  /** Ascending over the collections of a process. */
  nextSeq(): bigint;
  dial(): SamplesStream;
}

/** Multiples of it, whole parts left out, lie apart however many there are. */
const goldenPart = (Math.sqrt(5) - 1) / 2;

export interface SampleWatcher {
  onSamples(samples: readonly Sample[]): void;
  /** There will be no more. */
  onEnd(): void;
}

/** A source as the stream has it. */
interface SentSource {
  readonly id: number;
  /** Ids of the stream by those of the source's reader. */
  readonly series: number[];
}

export class Collection {
  private readonly options: CollectionOptions;
  private readonly abort = new AbortController();
  private readonly scrapers: Scraper[] = [];
  private readonly sender: SampleSender;
  private readonly watchers = new Set<SampleWatcher>();
  private isPhaseOver = false;
  private isStopping = false;
  private hasLost = false;
  private isClosed = false;

  constructor(options: CollectionOptions) {
    this.options = options;
    this.sender = new SampleSender({ ...options, onLost: () => this.lost() });
  }

  /** Scrapes a source from now on; resolves after its first scrape. `expected`: what it is called as long as it says nothing. */
  async add(source: Source, expected: SourceKind): Promise<SourceReport> {
    const sent = new Map<string, SentSource>();
    let kind = expected;
    const sentAs = (): SentSource => {
      const known = sent.get(kind);
      if (known !== undefined) return known;
      const made = { id: this.sender.declareSource(kind, source.name), series: [] };
      sent.set(kind, made);
      return made;
    };
    const scraper = createScraper({
      source,
      intervalMs: this.options.intervalMs,
      // Sources that are added at once are not read at once ever after: that would be a burst of work beside the load, each interval anew.
      shift: (this.scrapers.length * goldenPart) % 1,
      clock: systemClock,
      onReading: (reading, times) => {
        kind = reading.kind;
        const taken = sentAs();
        this.take(source, taken, reading, times);
        for (const [other, former] of sent) if (former !== taken) this.takeOther(former, other, reading.kind, times);
      },
      onGap: (gap) => this.takeGap(source, sentAs(), gap),
      signal: this.abort.signal,
    });
    if (this.isStopping) return { url: source.name, kind: undefined, isPresent: false, reason: "the run is over", subjects: [] };
    if (this.scrapers.push(scraper) === 1) this.sender.start();
    return scraper.start();
  }

  /** Scrapes everything at once: what a phase begins with. */
  phaseStarts(): void {
    this.isPhaseOver = false;
    for (const scraper of this.scrapers) scraper.scrapeNow();
  }

  /** Scrapes everything at once: what a phase ends with. */
  phaseEnds(): void {
    this.isPhaseOver = true;
    for (const scraper of this.scrapers) scraper.scrapeNow();
  }

  /**
   * Scrapes a last time, unless the phase's end has just had that done, then no more; resolves when all is committed. Slow sources and a slow
   * manager have half of the time each.
   */
  async stop(timeoutMs: number): Promise<ScrapeTotals> {
    this.isStopping = true;
    const late = setTimeout(() => this.abort.abort(), timeoutMs / 2);
    const each = await Promise.all(this.scrapers.map((scraper) => scraper.stop(!this.isPhaseOver)));
    clearTimeout(late);
    await this.sender.drained(timeoutMs / 2);
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
    this.isStopping = true;
    this.isClosed = true;
    this.abort.abort();
    this.sender.close();
    for (const { onEnd } of this.watchers) onEnd();
    this.watchers.clear();
  }

  /** Aborts when there is no time left for anything. */
  get signal(): AbortSignal {
    return this.abort.signal;
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

  private takeGap({ name }: Source, { id }: SentSource, { startNs, endNs, reason, failures }: Gap): void {
    const { clock, counts, log, runId } = this.options;
    counts.failures++;
    log.debug("a scrape gave nothing", { run_id: runId, source: name, reason, failures });
    this.sender.send({ source: id, startNs: clock.toSuite(startNs), endNs: clock.toSuite(endNs), gap: reason });
  }

  /** The page was of something else before: of that it says nothing now, which is a gap as far as there was something. */
  private takeOther({ id, series }: SentSource, kind: string, found: SourceKind, { startNs, endNs }: ScrapeTimes): void {
    const { clock } = this.options;
    if (series.length === 0) return;
    const gap = `page of ${found} metrics, and of no ${kind} ones`;
    this.sender.send({ source: id, startNs: clock.toSuite(startNs), endNs: clock.toSuite(endNs), gap });
  }

  private take(source: Source, sent: SentSource, reading: SourceReading, times: ScrapeTimes): void {
    const { clock, counts } = this.options;
    const { ids, values, timestampMs } = reading;
    counts.scrapes++;
    counts.samples += ids.length;
    const row: number[] = [];
    for (let at = 0; at < ids.length; at++) {
      const number = ids[at] as number;
      const facts = source.series[number];
      if (facts === undefined) continue;
      let id = sent.series[number];
      if (id === undefined) {
        id = this.sender.declareSeries(sent.id, facts);
        sent.series[number] = id;
      }
      while (row.length < id) row.push(Number.NaN);
      row[id] = values[at] as number;
    }
    const scrape = {
      startNs: clock.toSuite(times.startNs),
      endNs: clock.toSuite(times.endNs),
      ...(times.ageNs === undefined ? {} : { ageNs: times.ageNs }),
    };
    const own = timestampMs === undefined ? {} : { sourceWallNs: timestampMs * 1e6 };
    this.sender.send({ source: sent.id, ...scrape, ...own, values: row });
    if (this.watchers.size > 0) this.show(samplesOf(source, reading, scrape));
  }

  private show(samples: readonly Sample[]): void {
    for (const { onSamples } of this.watchers) onSamples(samples);
  }
}

function samplesOf(
  { name, series }: Source,
  { ids, values }: SourceReading,
  { startNs, endNs, ...age }: { readonly startNs: number; readonly endNs: number; readonly ageNs?: number },
): Sample[] {
  return Array.from(ids, (id, at) => {
    const { kind, subject, name: field, unit, type, labels } = series[id] ?? {};
    const facts = {
      source: name,
      kind: kind ?? "",
      subject: subject ?? "",
      field: field ?? "",
      unit: unit ?? "",
      type: type ?? "",
    };
    const times = { scrapeStartNs: startNs, scrapeEndNs: endNs, ...age };
    return create(SampleSchema, { ...facts, labels: { ...labels }, value: values[at] ?? Number.NaN, ...times });
  });
}
