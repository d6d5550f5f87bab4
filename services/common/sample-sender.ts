/**
 * Brings scrapes to the records-manager: declares sources and series once a stream, keeps what is not committed, dials again, and sends
 * that again. Keeps some 32 MB: older scrapes are lost, and told, where nobody takes them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SampleSeriesSchema, SampleSourceSchema, ScrapeSchema } from "../../gen/assay/records_manager/v1/record_pb.js";
import type {
  IngestSamplesRequestSchema,
  IngestSamplesResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { MessageStream } from "./rpc/handler.ts";
import { protocolVersion } from "./version.ts";

export type SamplesStream = MessageStream<IngestSamplesResponse, MessageInitShape<typeof IngestSamplesRequestSchema>>;

type Init<Shape> = Exclude<Shape, { $typeName: string }>;
/** A series as the wire has it, its numbers aside. */
export type SentSeries = Omit<Init<MessageInitShape<typeof SampleSeriesSchema>>, "source" | "id">;
/** A scrape as the wire has it. Values are by the ids that `declareSeries` gave. */
export type SentScrape = Init<MessageInitShape<typeof ScrapeSchema>> & { readonly source: number };

export interface SampleSenderOptions {
  readonly runId: string;
  readonly memberId: string;
  /** Ascending over all senders of this member for the run: what the manager has of a number it does not store again. */
  nextSeq(): bigint;
  dial(): SamplesStream;
  /** Called for each scrape that is lost. */
  onLost(): void;
}

const keptWeight = 4_000_000;
/** A message has no more, one scrape aside: it stays below gRPC's limit. */
const batchWeight = 100_000;
const declaredAtOnce = 2000;
const redialMs = 250;

/** In numbers of 8 bytes. */
function weightOf({ values = [] }: SentScrape): number {
  return 10 + values.length;
}

interface Batch {
  readonly seq: bigint;
  readonly scrapes: SentScrape[];
  readonly weight: number;
}

export class SampleSender {
  private readonly options: SampleSenderOptions;
  private readonly sources: Init<MessageInitShape<typeof SampleSourceSchema>>[] = [];
  private readonly series: Init<MessageInitShape<typeof SampleSeriesSchema>>[] = [];
  private readonly seriesOf: number[] = [];
  /** How many of each this stream has been told. */
  private toldSources = 0;
  private toldSeries = 0;
  private readonly waiting: Batch[] = [];
  private next: SentScrape[] = [];
  private nextWeight = 0;
  private weight = 0;
  private isFlushing = false;
  private stream: SamplesStream | undefined;
  private isTaken = false;
  private isClosed = false;
  private redial: NodeJS.Timeout | undefined;
  private waiters: (() => void)[] = [];

  constructor(options: SampleSenderOptions) {
    this.options = options;
  }

  start(): void {
    this.dial();
  }

  /** Its number. `name` is unique within `kind`; whoever declares it keeps the number. */
  declareSource(kind: string, name: string): number {
    this.seriesOf.push(0);
    return this.sources.push({ id: this.sources.length, kind, name }) - 1;
  }

  /** Its place among the values of the source's scrapes. */
  declareSeries(source: number, series: SentSeries): number {
    const id = this.seriesOf[source] ?? 0;
    this.seriesOf[source] = id + 1;
    this.series.push({ ...series, source, id });
    return id;
  }

  /** Scrapes of one turn of the event loop travel together. */
  send(scrape: SentScrape): void {
    if (this.isClosed) return;
    this.next.push(scrape);
    this.nextWeight += weightOf(scrape);
    if (this.nextWeight >= batchWeight) this.flush();
    else if (!this.isFlushing) {
      this.isFlushing = true;
      setImmediate(() => {
        this.isFlushing = false;
        this.flush();
      });
    }
  }

  /** Scrapes that are not committed yet. */
  get queued(): number {
    return this.waiting.reduce((sum, { scrapes }) => sum + scrapes.length, this.next.length);
  }

  /** Resolves when all that was sent is committed, or after the deadline. */
  async drained(timeoutMs: number): Promise<void> {
    this.flush();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.wake();
    }, timeoutMs);
    while (this.waiting.length > 0 && !isLate && !this.isClosed) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    clearTimeout(late);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.redial);
    this.stream?.end();
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private flush(): void {
    if (this.next.length === 0) return;
    const batch = { seq: this.options.nextSeq(), scrapes: this.next, weight: this.nextWeight };
    this.next = [];
    this.nextWeight = 0;
    this.waiting.push(batch);
    this.weight += batch.weight;
    while (this.weight > keptWeight && this.waiting.length > 1) this.dropOldest();
    if (this.isTaken) this.write(batch);
  }

  private dropOldest(): void {
    const lost = this.waiting.shift();
    this.weight -= lost?.weight ?? 0;
    for (const _ of lost?.scrapes ?? []) this.options.onLost();
  }

  private write({ seq, scrapes }: Batch): void {
    const sources = this.sources.slice(this.toldSources);
    this.toldSources = this.sources.length;
    const rest = this.series.slice(this.toldSeries);
    this.toldSeries = this.series.length;
    if (rest.length <= declaredAtOnce) {
      this.stream?.send({ message: { case: "batch", value: { seq, sources, series: rest, scrapes } } });
      return;
    }
    this.stream?.send({ message: { case: "batch", value: { sources } } });
    for (let from = 0; from < rest.length; from += declaredAtOnce) {
      const series = rest.slice(from, from + declaredAtOnce);
      this.stream?.send({ message: { case: "batch", value: { series } } });
    }
    this.stream?.send({ message: { case: "batch", value: { seq, scrapes } } });
  }

  private dial(): void {
    if (this.isClosed) return;
    const { runId, memberId } = this.options;
    const stream = this.options.dial();
    this.stream = stream;
    this.toldSources = 0;
    this.toldSeries = 0;
    stream.send({ message: { case: "hello", value: { protocolVersion, runId, memberId } } });
    stream.onMessage(({ ackedSeq }) => {
      if (!this.isTaken) {
        this.isTaken = true;
        for (const batch of this.waiting) this.write(batch);
        return;
      }
      for (let first = this.waiting[0]; first !== undefined && first.seq <= ackedSeq; first = this.waiting[0]) {
        this.waiting.shift();
        this.weight -= first.weight;
      }
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
