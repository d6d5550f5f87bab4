/** A run over time: what happened in each of a row of equal buckets. */
import type { UsageReading } from "./client-usage.ts";
import { type Spans, spansOf } from "./send-log.ts";
import { percentileOf } from "./statistics.ts";
import { type BucketUsage, UsageBucket } from "./usage-bucket.ts";

/** What a request adds. Times on one clock. */
export interface TimelineRequest {
  /** Undefined: as soon as a slot was free. */
  readonly dueNs: number | undefined;
  /** When it should have been sent: its due time, or the moment at which a ceiling let it through. */
  readonly allowedNs: number | undefined;
  readonly sentNs: number;
  readonly endNs: number;
  readonly firstContentNs: number | undefined;
  readonly lastContentNs: number | undefined;
  readonly isSuccess: boolean;
  /** Undefined: not known, or failed. */
  readonly outputTokens: number | undefined;
  readonly timeToFirstTokenMs: number | undefined;
}

export interface TimelineBucket {
  /** From the timeline's origin to the bucket's start. */
  readonly startMs: number;
  /** Requests that ended in it, whatever their outcome, and those of them that failed. */
  readonly completed: number;
  readonly failed: number;
  readonly completedPerSec: number;
  /** Output tokens of succeeded requests, each request's spread evenly from its first to its last chunk with content. */
  readonly tokensPerSec: number;
  /** Requests in flight, averaged over the bucket. */
  readonly inFlight: number;
  /** Of succeeded requests whose first token fell into it; undefined: none. */
  readonly timeToFirstTokenP50Ms: number | undefined;
  readonly timeToFirstTokenP99Ms: number | undefined;
  /** Requests that were due, and that were sent in it. */
  readonly due: number;
  readonly sent: number;
  /** Of the requests sent in it; undefined: none had a due time. */
  readonly lateness: Spans | undefined;
  /** Undefined: no worker reported in it. */
  readonly usage: BucketUsage | undefined;
}

/** `bucketCount` buckets of `bucketNs` from `originNs` on; what lies outside is counted in the first or the last of them. */
export class Timeline {
  readonly #originNs: number;
  readonly #bucketNs: number;
  readonly #completed: Float64Array;
  readonly #failed: Float64Array;
  readonly #tokens: Spread;
  readonly #busyNs: Spread;
  readonly #firstTokensMs: number[][];
  readonly #due: Float64Array;
  readonly #sent: Float64Array;
  readonly #latenessNs: number[][];
  readonly #usage: (UsageBucket | undefined)[];

  constructor(originNs: number, bucketNs: number, bucketCount: number) {
    this.#originNs = originNs;
    this.#bucketNs = bucketNs;
    this.#completed = new Float64Array(bucketCount);
    this.#failed = new Float64Array(bucketCount);
    this.#tokens = new Spread(bucketCount);
    this.#busyNs = new Spread(bucketCount);
    this.#firstTokensMs = Array.from({ length: bucketCount }, () => []);
    this.#due = new Float64Array(bucketCount);
    this.#sent = new Float64Array(bucketCount);
    this.#latenessNs = Array.from({ length: bucketCount }, () => []);
    this.#usage = new Array(bucketCount).fill(undefined);
  }

  add(request: TimelineRequest): void {
    const at = this.#indexOf(request.endNs);
    this.#completed[at] = (this.#completed[at] ?? 0) + 1;
    this.#busyNs.add(this.#place(request.sentNs), this.#place(request.endNs), request.endNs - request.sentNs);
    this.#addSend(request);
    if (!request.isSuccess) {
      this.#failed[at] = (this.#failed[at] ?? 0) + 1;
      return;
    }
    if (request.outputTokens !== undefined) {
      const lastNs = request.lastContentNs ?? request.endNs;
      this.#tokens.add(this.#place(request.firstContentNs ?? lastNs), this.#place(lastNs), request.outputTokens);
    }
    if (request.firstContentNs !== undefined && request.timeToFirstTokenMs !== undefined) {
      this.#firstTokensMs[this.#indexOf(request.firstContentNs)]?.push(request.timeToFirstTokenMs);
    }
  }

  /** Takes a worker's reading; one from outside the timeline is left out. Those of one worker in the order of time. */
  addUsage(reading: UsageReading): void {
    const place = (reading.ns - this.#originNs) / this.#bucketNs;
    if (place < 0 || place >= this.#usage.length) return;
    const index = Math.floor(place);
    const bucket = this.#usage[index] ?? new UsageBucket();
    this.#usage[index] = bucket;
    bucket.add(reading);
  }

  buckets(): TimelineBucket[] {
    const bucketSec = this.#bucketNs / 1e9;
    const tokens = this.#tokens.totals();
    const busyNs = this.#busyNs.totals();
    return this.#firstTokensMs.map((firstTokensMs, index) => {
      const ordered = Float64Array.from(firstTokensMs).sort();
      const at = (percentile: number) =>
        ordered.length === 0 ? undefined : percentileOf(ordered.length, percentile, (rank) => ordered[rank] as number);
      const completed = this.#completed[index] ?? 0;
      return {
        startMs: (index * this.#bucketNs) / 1e6,
        completed,
        failed: this.#failed[index] ?? 0,
        completedPerSec: completed / bucketSec,
        tokensPerSec: (tokens[index] ?? 0) / bucketSec,
        inFlight: (busyNs[index] ?? 0) / this.#bucketNs,
        timeToFirstTokenP50Ms: at(50),
        timeToFirstTokenP99Ms: at(99),
        due: this.#due[index] ?? 0,
        sent: this.#sent[index] ?? 0,
        lateness: spansOf(Float64Array.from(this.#latenessNs[index] ?? [])),
        usage: this.#usage[index]?.usage(),
      };
    });
  }

  #addSend({ dueNs, allowedNs, sentNs }: TimelineRequest): void {
    const at = this.#indexOf(sentNs);
    this.#sent[at] = (this.#sent[at] ?? 0) + 1;
    if (dueNs === undefined || allowedNs === undefined) return;
    const dueAt = this.#indexOf(dueNs);
    this.#due[dueAt] = (this.#due[dueAt] ?? 0) + 1;
    this.#latenessNs[at]?.push(sentNs - allowedNs);
  }

  /** A moment in buckets: 2.25 is a quarter into the third. */
  #place(ns: number): number {
    return Math.min(Math.max((ns - this.#originNs) / this.#bucketNs, 0), this.#completed.length);
  }

  #indexOf(ns: number): number {
    return Math.min(Math.floor(this.#place(ns)), this.#completed.length - 1);
  }
}

/** Amounts spread evenly over stretches of buckets, each at a cost that does not depend on how long its stretch is. */
class Spread {
  readonly #partial: Float64Array;
  // Changes of the rate per whole bucket: a stretch's inner buckets are one step up and one step down.
  readonly #steps: Float64Array;

  constructor(bucketCount: number) {
    this.#partial = new Float64Array(bucketCount);
    this.#steps = new Float64Array(bucketCount + 1);
  }

  /** From `start` to `end`, in buckets from 0 to the bucket count. */
  add(start: number, end: number, amount: number): void {
    const last = this.#partial.length - 1;
    const first = Math.min(Math.floor(start), last);
    const final = Math.min(Math.floor(end), last);
    if (first === final) {
      this.#partial[first] = (this.#partial[first] ?? 0) + amount;
      return;
    }
    const perBucket = amount / (end - start);
    this.#partial[first] = (this.#partial[first] ?? 0) + (first + 1 - start) * perBucket;
    this.#partial[final] = (this.#partial[final] ?? 0) + (end - final) * perBucket;
    this.#steps[first + 1] = (this.#steps[first + 1] ?? 0) + perBucket;
    this.#steps[final] = (this.#steps[final] ?? 0) - perBucket;
  }

  totals(): Float64Array {
    let perBucket = 0;
    return this.#partial.map((partial, index) => {
      perBucket += this.#steps[index] ?? 0;
      return partial + perBucket;
    });
  }
}
