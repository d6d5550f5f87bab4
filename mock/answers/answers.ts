/** Takes accepted requests for text, decides whether they fail and whether they have to wait, and answers them on one schedule. */

import { AssayError } from "../../services/common/errors.ts";
import type { OpenAnswer } from "../http/connection.ts";
import type { MockOptions } from "../options.ts";
import { type FinishedReason, Meter } from "../pages/meter.ts";
import type { StreamEvents } from "../text/events.ts";
import type { AnswerRequest, TextRequest } from "../text/request.ts";
import type { AnswerEnd, AnswerHost, AnswerStats, Arrival, Recipient, ScheduledAnswer } from "./answer.ts";
import { FailurePlan, isInstead } from "./failures.ts";
import { type AnswerPace, Pacing } from "./pace.ts";
import { Schedule } from "./schedule.ts";
import { StalledAnswer } from "./stalled-answer.ts";
import { heldBy } from "./whole-count.ts";
import { EventWriter } from "./writer.ts";

export interface AnswersDeps {
  readonly options: MockOptions;
  /** CLOCK_MONOTONIC in ns. */
  readonly now: () => number;
  /** Unix time in seconds. */
  readonly createdSec: () => number;
}

/** A request whose turn has not come. */
interface WaitingAnswer extends OpenAnswer {
  readonly meter: Meter;
  start(): void;
}

const maxCachedModels = 64;

export class Answers implements AnswerHost {
  readonly options: MockOptions;
  readonly stats: AnswerStats = {
    requests: 0,
    completed: 0,
    aborted: 0,
    failed: 0,
    openStreams: 0,
    maxOpenStreams: 0,
    prefilling: 0,
    maxPrefilling: 0,
    waiting: 0,
    chunksWritten: 0,
    chunkWrites: 0,
    failures: {},
  };
  readonly schedule: Schedule<ScheduledAnswer>;
  readonly writer: EventWriter;
  readonly #deps: AnswersDeps;
  readonly #pacing: Pacing;
  readonly #plan: FailurePlan;
  readonly #meters: ReadonlyMap<string, Meter>;
  readonly #firstMeter: Meter;
  readonly #events = new Map<string, StreamEvents>();
  readonly #limit: number;
  // In the order of arrival. Over HTTP/1.1 each connection has one request under way; over gRPC a client bounds its own.
  readonly #waiting = new Set<WaitingAnswer>();
  #isAdmitting = false;
  #busyNs = 0;
  #settledNs: number;

  /** `models`: those that have a meter of their own, one at least; requests for others count to the first. */
  constructor(deps: AnswersDeps, models: readonly [string, ...string[]]) {
    const { options, now } = deps;
    this.options = options;
    this.#deps = deps;
    this.#settledNs = now();
    this.#limit = options.maxConcurrent === 0 ? Number.POSITIVE_INFINITY : options.maxConcurrent;
    this.#pacing = new Pacing(options);
    this.#plan = new FailurePlan(options.failures, options.seed);
    this.#firstMeter = new Meter();
    this.#meters = new Map(models.map((model, i) => [model, i === 0 ? this.#firstMeter : new Meter()]));
    this.writer = new EventWriter(now);
    this.schedule = new Schedule({ now, precise: options.precise, visit: (answer, nowNs) => answer.visit(nowNs) });
  }

  get meters(): ReadonlyMap<string, Meter> {
    return this.#meters;
  }

  /** The length that the next request gets if it asks for none. */
  nextLength(): number {
    return this.#pacing.lengthOf(this.stats.requests);
  }

  /** Answers a request, now or when its turn has come. */
  begin<R extends AnswerRequest>(request: R, recipient: Recipient<R>): void {
    const { stats } = this;
    const nowNs = this.now();
    const ordinal = stats.requests++;
    const failure = this.#plan.draw(ordinal);
    const arrival: Arrival<R> = {
      request: failure?.kind === "no-usage" ? { ...request, hasUsage: false } : request,
      recipient,
      identity: { ordinal, createdSec: this.#deps.createdSec(), receivedNs: nowNs },
      failure,
      meter: this.#meters.get(request.model) ?? this.#firstMeter,
    };
    if (failure !== undefined) stats.failures[failure.name] = (stats.failures[failure.name] ?? 0) + 1;
    if (failure !== undefined && isInstead(failure)) {
      stats.failed++;
      recipient.failAtOnce(failure);
    } else if (stats.openStreams < this.#limit && this.#waiting.size === 0) this.#start(arrival, nowNs);
    else this.#wait(arrival);
  }

  ended(arrival: Arrival, end: AnswerEnd, heldTokens: number, reason: FinishedReason): void {
    const nowNs = this.now();
    this.settle(nowNs);
    this.stats.openStreams--;
    this.stats[end]++;
    arrival.meter.running--;
    arrival.meter.heldTokens -= heldTokens;
    if (end !== "completed") arrival.meter.finished[reason]++;
    if (this.#waiting.size > 0) this.#admit();
  }

  /** The integral of open answers over time, in answer-nanoseconds, up to `nowNs`. */
  settle(nowNs: number): number {
    this.#busyNs += this.stats.openStreams * (nowNs - this.#settledNs);
    this.#settledNs = nowNs;
    return this.#busyNs;
  }

  now(): number {
    return this.#deps.now();
  }

  eventsOf({ endpoint, model }: TextRequest): StreamEvents {
    const key = `${endpoint.name}/${model}`;
    const known = this.#events.get(key);
    if (known !== undefined) return known;
    const oldest = this.#events.keys().next();
    if (this.#events.size >= maxCachedModels && !oldest.done) this.#events.delete(oldest.value);
    const events = endpoint.streamEvents?.(model, this.options.stamps);
    if (events === undefined) throw new AssayError("internal", `${endpoint.name} does not stream`);
    this.#events.set(key, events);
    return events;
  }

  paceOf(ordinal: number, startNs: number): AnswerPace {
    return this.#pacing.begin(ordinal, startNs);
  }

  slownessNsOf(ordinal: number): number {
    return this.#pacing.slownessOf(ordinal);
  }

  #start<R extends AnswerRequest>(arrival: Arrival<R>, nowNs: number): void {
    const { stats } = this;
    const { request, recipient, failure, meter } = arrival;
    this.settle(nowNs);
    stats.openStreams++;
    stats.maxOpenStreams = Math.max(stats.maxOpenStreams, stats.openStreams);
    meter.running++;
    const isAtOnce = this.#pacing.isImmediate && !request.isStreaming && failure === undefined;
    meter.heldTokens += request.isStreaming || failure?.kind === "stall" ? request.promptTokens : heldBy(arrival);
    if (failure?.kind === "stall") new StalledAnswer(this, arrival, nowNs);
    else recipient.start(this, arrival, nowNs, isAtOnce);
  }

  #wait<R extends AnswerRequest>(arrival: Arrival<R>): void {
    const { meter, recipient } = arrival;
    const waiting: WaitingAnswer = {
      meter,
      start: () => this.#start(arrival, this.now()),
      flushed() {},
      aborted: () => {
        this.#stopWaiting(waiting);
        this.stats.aborted++;
        meter.finished.abort++;
      },
    };
    this.#waiting.add(waiting);
    this.stats.waiting++;
    meter.waiting++;
    recipient.wait(waiting);
  }

  #stopWaiting(waiting: WaitingAnswer): void {
    this.#waiting.delete(waiting);
    this.stats.waiting--;
    waiting.meter.waiting--;
  }

  // An answer that is at once whole ends inside #start: the loop here admits the next, not the call inside it.
  #admit(): void {
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    for (const waiting of this.#waiting) {
      if (this.stats.openStreams >= this.#limit) break;
      this.#stopWaiting(waiting);
      waiting.start();
    }
    this.#isAdmitting = false;
  }
}
