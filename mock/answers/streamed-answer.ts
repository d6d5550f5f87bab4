/**
 * A streamed answer in progress: it writes one content chunk per visit of the schedule (all that are due together with
 * `coalesce`), and fails midway where that was decided.
 */

import type { Connection } from "../http/connection.ts";
import { httpChunk } from "../text/event-template.ts";
import { bodyEnd, doneEvent, garbageEvent, type StreamEvents } from "../text/events.ts";
import { injectedInBand } from "../text/refusal.ts";
import type { TextRequest } from "../text/request.ts";
import { firstWordOf, vocabulary } from "../text/words.ts";
import type { AnswerHost, Arrival, ScheduledAnswer } from "./answer.ts";
import { tokensBefore } from "./failures.ts";
import type { AnswerPace } from "./pace.ts";

const events = "text/event-stream; charset=utf-8";
const streamHeaders = "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n";
const maxCoalescedBytes = 16 * 1024;

export class StreamedAnswer implements ScheduledAnswer {
  dueNs: number;
  heapIndex = -1;
  readonly #host: AnswerHost;
  readonly #arrival: Arrival<TextRequest>;
  readonly #connection: Connection;
  readonly #pace: AnswerPace;
  readonly #events: StreamEvents;
  readonly #startNs: number;
  readonly #firstWord: number;
  #head: string;
  /** Tokens of each choice that are sent. */
  #sent = 0;
  #nextTokens: number;
  #firstNs = 0;
  #lastNs = 0;
  /** Infinite unless the answer fails midway; after as many tokens. */
  #failsAt: number;
  #isStalled = false;
  #isGone = false;

  constructor(host: AnswerHost, arrival: Arrival<TextRequest>, connection: Connection, nowNs: number) {
    const { request, identity, failure } = arrival;
    this.#host = host;
    this.#arrival = arrival;
    this.#connection = connection;
    this.#startNs = nowNs;
    const isSlow = failure?.kind === "slow";
    this.#pace = host.paceOf(identity.ordinal, isSlow ? nowNs + host.slownessNsOf(identity.ordinal) : nowNs);
    this.#events = host.eventsOf(request);
    this.#firstWord = firstWordOf(request, 0);
    this.#failsAt = tokensBefore(failure, request.tokens);
    this.#nextTokens = this.#pace.chunkTokens();
    this.dueNs = this.#pace.next(this.#nextTokens);
    this.#head = connection.head(200, request.endpoint.streamType ?? events, streamHeaders);
    connection.open(this);
    host.stats.prefilling++;
    host.stats.maxPrefilling = Math.max(host.stats.maxPrefilling, host.stats.prefilling);
    if (this.dueNs > nowNs && !isSlow) {
      // The head goes out at once, as servers do that start to answer before the first token is there.
      connection.write(this.#head);
      this.#head = "";
    }
    host.schedule.add(this);
  }

  visit(nowNs: number): void {
    if (this.#isGone) return;
    const connection = this.#connection;
    if (connection.unsentBytes > 0) {
      connection.waitForFlush();
      return;
    }
    if (this.#sent >= this.#failsAt) {
      if (this.#fail(nowNs)) return;
      this.#failsAt = Number.POSITIVE_INFINITY;
    }
    this.#write(nowNs);
    if (!this.#isWhole || this.#failsAt !== Number.POSITIVE_INFINITY) {
      this.#host.schedule.add(this);
      return;
    }
    this.#complete();
    connection.finish();
  }

  flushed(): void {
    this.#host.schedule.add(this);
  }

  aborted(): void {
    this.#isGone = true;
    this.#host.schedule.remove(this);
    if (this.#sent === 0) this.#host.stats.prefilling--;
    this.#host.ended(this.#arrival, "aborted", this.#heldTokens, "abort");
  }

  get #isWhole(): boolean {
    return this.#sent === this.#arrival.request.tokens;
  }

  get #heldTokens(): number {
    const { promptTokens, choices } = this.#arrival.request;
    return promptTokens + this.#sent * choices;
  }

  #write(nowNs: number): void {
    const { writer, stats, options } = this.#host;
    const { request, identity, meter } = this.#arrival;
    writer.text(this.#head);
    this.#head = "";
    const before = this.#sent;
    const opening = before === 0 ? this.#events.opening(request) : undefined;
    if (opening !== undefined) writer.event(opening, identity);
    while (!this.#isWhole && this.#sent < this.#failsAt) {
      this.#addChunk();
      if (!options.coalesce || this.dueNs > nowNs || writer.size >= maxCoalescedBytes) break;
    }
    if (this.#isWhole && this.#failsAt === Number.POSITIVE_INFINITY) this.#addTail();
    const sentNs = writer.send(this.#connection);
    const tokens = this.#sent - before;
    if (tokens === 0) return;
    stats.chunkWrites++;
    meter.heldTokens += tokens * request.choices;
    if (before === 0) {
      stats.prefilling--;
      this.#firstNs = sentNs;
      meter.first(request, tokens, sentNs - identity.receivedNs);
    } else meter.further(request, tokens, sentNs - this.#lastNs);
    this.#lastNs = sentNs;
  }

  #addChunk(): void {
    const { writer, stats } = this.#host;
    const { request, identity } = this.#arrival;
    const tokens = Math.min(this.#nextTokens, request.tokens - this.#sent);
    for (let choice = 0; choice < request.choices; choice++) {
      const first = (this.#firstWord + choice + this.#sent) % vocabulary.length;
      writer.event(this.#events.content(choice, first, tokens, this.#sent), identity);
    }
    stats.chunksWritten += request.choices;
    this.#sent += tokens;
    if (this.#isWhole) return;
    this.#nextTokens = this.#pace.chunkTokens();
    this.dueNs = this.#pace.next(Math.min(this.#nextTokens, request.tokens - this.#sent));
  }

  #addTail(): void {
    const { writer } = this.#host;
    const { request, identity, failure } = this.#arrival;
    for (let choice = 0; choice < request.choices; choice++) {
      const finish = this.#events.finish(choice, request.finishReason);
      if (finish !== undefined) writer.event(finish, identity);
    }
    const ending = this.#events.ending(request, identity.receivedNs);
    if (ending !== undefined) writer.event(ending, identity);
    this.#endBody(failure?.kind !== "no-done");
  }

  #endBody(isMarked: boolean): void {
    const { writer } = this.#host;
    if (isMarked && this.#arrival.request.endpoint.hasDone) writer.bytes(doneEvent);
    writer.bytes(bodyEnd);
  }

  #complete(): void {
    const { request, identity, meter } = this.#arrival;
    const times = { receivedNs: identity.receivedNs, startNs: this.#startNs, firstNs: this.#firstNs, endNs: this.#lastNs };
    meter.whole(request, times);
    this.#host.ended(this.#arrival, "completed", this.#heldTokens, request.finishReason);
  }

  /** True: the answer is over, or stalls. */
  #fail(nowNs: number): boolean {
    const { writer, schedule, options } = this.#host;
    const { failure } = this.#arrival;
    const connection = this.#connection;
    switch (failure?.kind) {
      case "garbage":
        writer.bytes(garbageEvent);
        return false;
      case "stall-midway":
        if (!this.#isStalled) {
          this.#isStalled = true;
          this.dueNs = nowNs + options.stallMs * 1e6;
          schedule.add(this);
          return true;
        }
        this.#failed("abort");
        connection.cut();
        return true;
      case "cut":
        this.#failed("abort");
        connection.write(garbageEvent.subarray(0, garbageEvent.length / 2));
        connection.cut();
        return true;
      case "truncate":
        this.#failed("abort");
        connection.write(bodyEnd);
        connection.finish();
        return true;
      case "error-event":
        this.#failed("error");
        writer.bytes(httpChunk(this.#arrival.request.endpoint.errorEvents(injectedInBand())));
        this.#endBody(true);
        writer.send(connection);
        connection.finish();
        return true;
      default:
        this.#failed("abort");
        connection.reset();
        return true;
    }
  }

  #failed(reason: "abort" | "error"): void {
    this.#isGone = true;
    if (this.#sent === 0) this.#host.stats.prefilling--;
    this.#host.ended(this.#arrival, "failed", this.#heldTokens, reason);
  }
}
