/**
 * What was in flight at every moment of a phase, from requests in the order in which they were sent: a line that sweeps over their sends, first
 * tokens and ends. Between two of these nothing changes, so that each stretch is one value with its length. What is kept is what is
 * in flight, so memory does not grow with the run. The formulas are those of AIPerf's sweep line.
 */
import { type SweepMetric, sweepMetrics } from "../../../metrics/sweep-line.ts";
import type { Statistics } from "./statistics.ts";
import { WeightedDistribution } from "./weighted-distribution.ts";

/** One request. Moments in ns on one clock; undefined: it has none. */
export interface SweptRequest {
  readonly startNs: number;
  /** First token of a stream, at its earliest `startNs`. */
  readonly firstTokenNs: number | undefined;
  readonly endNs: number;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

/** What is in flight. Rates in tokens/s. */
interface Level {
  requests: number;
  prefilling: number;
  decoding: number;
  prefillRate: number;
  decodeRate: number;
  tokens: number;
}

interface Change extends Level {
  readonly atNs: number;
}

export class SweepLine {
  readonly #level: Level = { requests: 0, prefilling: 0, decoding: 0, prefillRate: 0, decodeRate: 0, tokens: 0 };
  readonly #changes = new ChangeQueue();
  /** In the order of `sweepMetrics`. */
  readonly #distributions = sweepMetrics.map(() => new WeightedDistribution());
  #atNs: number | undefined;
  #hasTokens = false;
  #hasStreams = false;

  /** Requests come in ascending order of `startNs`. */
  add(request: SweptRequest): void {
    const { startNs, firstTokenNs, endNs, inputTokens = 0, outputTokens = 0 } = request;
    this.#advanceTo(startNs);
    this.#hasTokens ||= request.inputTokens !== undefined || request.outputTokens !== undefined;
    const isStream = firstTokenNs !== undefined;
    this.#hasStreams ||= isStream;
    const prefillNs = isStream ? firstTokenNs - startNs : 0;
    const decodeNs = isStream ? endNs - firstTokenNs : 0;
    const prefillRate = prefillNs > 0 ? (inputTokens * 1e9) / prefillNs : 0;
    const decodeRate = decodeNs > 0 && outputTokens > 1 ? ((outputTokens - 1) * 1e9) / decodeNs : 0;
    this.#apply({ ...nothing, requests: 1, prefilling: isStream ? 1 : 0, prefillRate, tokens: inputTokens });
    if (isStream) {
      const begun = { prefilling: -1, decoding: 1, prefillRate: -prefillRate, decodeRate, tokens: outputTokens };
      this.#changes.push({ ...nothing, atNs: firstTokenNs, ...begun });
    }
    const held = inputTokens + (isStream ? outputTokens : 0);
    const ended = { requests: -1, decoding: isStream ? -1 : 0, decodeRate: -decodeRate, tokens: -held };
    this.#changes.push({ ...nothing, atNs: endNs, ...ended });
  }

  /** By tag, once all requests are there; nothing of what no request has. */
  finish(): Map<string, Statistics> {
    this.#advanceTo(Number.POSITIVE_INFINITY);
    const found = sweepMetrics.flatMap(({ tag }, index): [string, Statistics][] => {
      const statistics = this.#distributions[index]?.statistics();
      const isOfAll = tag === "effective_concurrency" || (tag === "tokens_in_flight" && this.#hasTokens);
      return statistics === undefined || !(isOfAll || this.#hasStreams) ? [] : [[tag, statistics]];
    });
    return new Map(found);
  }

  #advanceTo(ns: number): void {
    for (let change = this.#changes.popUntil(ns); change !== undefined; change = this.#changes.popUntil(ns)) {
      this.#passTo(change.atNs);
      this.#apply(change);
    }
    if (Number.isFinite(ns)) this.#passTo(ns);
  }

  #passTo(ns: number): void {
    const seconds = this.#atNs === undefined ? 0 : (ns - this.#atNs) / 1e9;
    if (seconds > 0) this.#record(seconds);
    this.#atNs = ns;
  }

  #record(seconds: number): void {
    const level = this.#level;
    for (let index = 0; index < sweepMetrics.length; index++) {
      const { ofLevel, isActive } = sweepMetrics[index] as SweepMetric;
      if (isActive === undefined || isActive(level)) this.#distributions[index]?.add(ofLevel(level), seconds);
    }
  }

  #apply({ requests, prefilling, decoding, prefillRate, decodeRate, tokens }: Level): void {
    const level = this.#level;
    level.requests += requests;
    level.prefilling += prefilling;
    level.decoding += decoding;
    // Sums of rates lose digits as these come and go: where nothing is left they begin anew.
    level.prefillRate = level.prefilling === 0 ? 0 : Math.max(0, level.prefillRate + prefillRate);
    level.decodeRate = level.decoding === 0 ? 0 : Math.max(0, level.decodeRate + decodeRate);
    level.tokens += tokens;
  }
}

const nothing: Level = { requests: 0, prefilling: 0, decoding: 0, prefillRate: 0, decodeRate: 0, tokens: 0 };

/** Changes to come, the earliest first; those of the same moment in the order in which they were put in. */
class ChangeQueue {
  readonly #heap: Queued[] = [];
  #orders = 0;

  push(change: Change): void {
    const heap = this.#heap;
    const entry = { change, order: this.#orders++ };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Queued;
      if (!isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The earliest up to and with a moment; undefined: none is that early. */
  popUntil(ns: number): Change | undefined {
    const heap = this.#heap;
    const [first] = heap;
    if (first === undefined || first.change.atNs > ns) return undefined;
    const last = heap.pop() as Queued;
    if (heap.length > 0) this.#sink(last);
    return first.change;
  }

  #sink(entry: Queued): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Queued)) child++;
      const below = heap[child] as Queued;
      if (!isBefore(below, entry)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = entry;
  }
}

interface Queued {
  readonly change: Change;
  readonly order: number;
}

function isBefore(one: Queued, other: Queued): boolean {
  return one.change.atNs < other.change.atNs || (one.change.atNs === other.change.atNs && one.order < other.order);
}
