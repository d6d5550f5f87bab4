/**
 * What was in flight at every moment of a phase, from requests in the order in which they were sent: a line that sweeps over their sends, first
 * tokens and ends. Between two of these nothing changes, so that each stretch is one value with its length. What is kept is what is
 * in flight, so memory does not grow with the run. The formulas are those of AIPerf's sweep line.
 */
import { type InFlight, sweepMetrics } from "../../../metrics/sweep-line.ts";
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

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Quantities of a level, each with the metrics that are of it. */
const quantities = [...Map.groupBy(sweepMetrics, ({ ofLevel }) => ofLevel)];
/** What has to hold for time to count. */
const activities = [...new Set(sweepMetrics.flatMap(({ isActive }) => isActive ?? []))];

export class SweepLine {
  readonly #level: Mutable<InFlight> = { requests: 0, prefilling: 0, decoding: 0, prefillRate: 0, decodeRate: 0, tokens: 0 };
  readonly #changes = new ChangeQueue();
  /** In the order of `quantities`. */
  readonly #distributions = quantities.map(() => new WeightedDistribution());
  /** Time that does not count, in the order of `activities`. */
  readonly #idle = activities.map(() => ({ seconds: 0, pieces: 0 }));
  #atNs = Number.NaN;
  #hasTokens = false;
  #hasStreams = false;

  /** Requests come in ascending order of `startNs`. */
  add(request: SweptRequest): void {
    const { startNs, endNs, inputTokens = 0, outputTokens = 0 } = request;
    // No token comes after the end, whatever the record of a failure says.
    const firstTokenNs = request.firstTokenNs === undefined ? undefined : Math.min(request.firstTokenNs, endNs);
    this.#advanceTo(startNs);
    this.#passTo(startNs);
    this.#hasTokens ||= request.inputTokens !== undefined || request.outputTokens !== undefined;
    const level = this.#level;
    level.requests++;
    level.tokens += inputTokens;
    if (firstTokenNs === undefined) {
      this.#changes.push(endNs, {
        isFirstToken: false,
        isStream: false,
        endNs,
        prefillRate: 0,
        decodeRate: 0,
        inputTokens,
        outputTokens: 0,
      });
      return;
    }
    this.#hasStreams = true;
    const prefillNs = firstTokenNs - startNs;
    const decodeNs = endNs - firstTokenNs;
    const prefillRate = prefillNs > 0 ? (inputTokens * 1e9) / prefillNs : 0;
    const decodeRate = decodeNs > 0 && outputTokens > 1 ? ((outputTokens - 1) * 1e9) / decodeNs : 0;
    level.prefilling++;
    level.prefillRate += prefillRate;
    this.#changes.push(firstTokenNs, {
      isFirstToken: true,
      isStream: true,
      endNs,
      prefillRate,
      decodeRate,
      inputTokens,
      outputTokens,
    });
  }

  /** By tag, once all requests are there; nothing of what no request has. */
  finish(): Map<string, Statistics> {
    this.#advanceTo(Number.POSITIVE_INFINITY);
    const found = new Map<string, Statistics>();
    for (const [index, [, metrics]] of quantities.entries()) {
      for (const { tag, isActive } of metrics) {
        const idle = isActive && this.#idle[activities.indexOf(isActive)];
        const statistics = this.#distributions[index]?.statistics(idle);
        const isOfAll = tag === "effective_concurrency" || (tag === "tokens_in_flight" && this.#hasTokens);
        if (statistics !== undefined && (isOfAll || this.#hasStreams)) found.set(tag, statistics);
      }
    }
    return found;
  }

  /** Lets happen what happens up to and with a moment. */
  #advanceTo(ns: number): void {
    const changes = this.#changes;
    for (let change = changes.next; change !== undefined && changes.nextNs <= ns; change = changes.next) {
      this.#passTo(changes.nextNs);
      if (change.isFirstToken) {
        this.#begin(change);
        change.isFirstToken = false;
        changes.postpone(change.endNs);
      } else {
        this.#end(change);
        changes.shift();
      }
    }
  }

  #passTo(ns: number): void {
    const seconds = (ns - this.#atNs) / 1e9;
    if (seconds > 0) this.#record(seconds);
    this.#atNs = ns;
  }

  #record(seconds: number): void {
    const level = this.#level;
    for (let index = 0; index < quantities.length; index++) {
      this.#distributions[index]?.add((quantities[index] as (typeof quantities)[number])[0](level), seconds);
    }
    for (let index = 0; index < activities.length; index++) {
      const idle = this.#idle[index];
      if (idle === undefined || activities[index]?.(level) === true) continue;
      idle.seconds += seconds;
      idle.pieces++;
    }
  }

  #begin({ prefillRate, decodeRate, outputTokens }: Change): void {
    const level = this.#level;
    level.prefilling--;
    level.decoding++;
    level.prefillRate = lowered(level.prefillRate, prefillRate, level.prefilling);
    level.decodeRate += decodeRate;
    level.tokens += outputTokens;
  }

  #end({ isStream, decodeRate, inputTokens, outputTokens }: Change): void {
    const level = this.#level;
    level.requests--;
    level.tokens -= inputTokens + outputTokens;
    if (!isStream) return;
    level.decoding--;
    level.decodeRate = lowered(level.decodeRate, decodeRate, level.decoding);
  }
}

/** Sums of rates lose digits as these come and go: where nothing is left they begin anew. */
function lowered(rate: number, by: number, left: number): number {
  return left === 0 ? 0 : Math.max(0, rate - by);
}

/** What a request in flight does next: its first token, then its end. */
interface Change {
  isFirstToken: boolean;
  readonly isStream: boolean;
  readonly endNs: number;
  readonly prefillRate: number;
  readonly decodeRate: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Changes to come, the earliest first: a heap with its moments apart from what they are of, one entry a request. */
class ChangeQueue {
  #at = new Float64Array(1024);
  readonly #changes: Change[] = [];

  /** Undefined: there is none. */
  get next(): Change | undefined {
    return this.#changes[0];
  }

  /** When it happens, while there is one. */
  get nextNs(): number {
    return this.#at[0] as number;
  }

  push(ns: number, change: Change): void {
    const changes = this.#changes;
    let at = changes.length;
    changes.push(change);
    if (at === this.#at.length) {
      const larger = new Float64Array(2 * at);
      larger.set(this.#at);
      this.#at = larger;
    }
    const moments = this.#at;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((moments[parent] as number) <= ns) break;
      moments[at] = moments[parent] as number;
      changes[at] = changes[parent] as Change;
      at = parent;
    }
    moments[at] = ns;
    changes[at] = change;
  }

  /** Moves the next one to a later moment. */
  postpone(ns: number): void {
    const [first] = this.#changes;
    if (first !== undefined) this.#sink(ns, first);
  }

  /** Takes the next one away. */
  shift(): void {
    const last = this.#changes.pop();
    const { length } = this.#changes;
    if (last !== undefined && length > 0) this.#sink(this.#at[length] as number, last);
  }

  #sink(ns: number, change: Change): void {
    const moments = this.#at;
    const changes = this.#changes;
    const { length } = changes;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && (moments[child + 1] as number) < (moments[child] as number)) child++;
      if ((moments[child] as number) >= ns) break;
      moments[at] = moments[child] as number;
      changes[at] = changes[child] as Change;
      at = child;
    }
    moments[at] = ns;
    changes[at] = change;
  }
}
