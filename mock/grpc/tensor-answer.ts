/**
 * The answer to an inference request in progress: one response for every content chunk of a stream, one for all of it otherwise, and how
 * its model ends.
 */
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import { wallOfMonotonic } from "../../services/common/clock.ts";
import type { AnswerHost, Arrival, ScheduledAnswer } from "../answers/answer.ts";
import { tokensBefore } from "../answers/failures.ts";
import type { AnswerPace } from "../answers/pace.ts";
import { countWhole, heldBy } from "../answers/whole-count.ts";
import type { FinishedReason } from "../pages/meter.ts";
import { injectedInBand } from "../text/refusal.ts";
import { modelVersion } from "./deployed-model.ts";
import type { InferCaller } from "./infer-caller.ts";
import type { InferResponse } from "./response-frame.ts";
import { garbageFrame } from "./rpc.ts";
import { ok, status } from "./status.ts";
import type { TensorRequest } from "./tensor-recipient.ts";

/** A client that does not read gets no more before this has gone. */
const maxUnsentBytes = 256 * 1024;

export class TensorAnswer implements ScheduledAnswer {
  dueNs: number;
  heapIndex = -1;
  readonly #host: AnswerHost;
  readonly #arrival: Arrival<TensorRequest>;
  readonly #caller: InferCaller;
  readonly #pace: AnswerPace;
  readonly #startNs: number;
  /** Of the first token; of a whole answer when it was due, of a stream when it was sent. */
  #firstNs: number;
  #lastNs: number;
  #nextTokens: number;
  /** Tokens of each choice that are sent. */
  #sent = 0;
  #responses = 0;
  /** Infinite unless the answer fails midway; after as many tokens. */
  #failsAt: number;
  #isStalled = false;
  #isGone = false;

  constructor(host: AnswerHost, arrival: Arrival<TensorRequest>, caller: InferCaller, nowNs: number) {
    const { request, identity, failure } = arrival;
    this.#host = host;
    this.#arrival = arrival;
    this.#caller = caller;
    this.#startNs = nowNs;
    this.#lastNs = nowNs;
    this.#pace = host.paceOf(identity.ordinal, failure?.kind === "slow" ? nowNs + host.slownessNsOf(identity.ordinal) : nowNs);
    const failsAt = failure?.kind === "no-answer" ? 0 : tokensBefore(failure, request.tokens);
    if (request.isStreaming) {
      this.#failsAt = failsAt;
      this.#nextTokens = this.#pace.chunkTokens();
      this.dueNs = this.#pace.next(this.#nextTokens);
      this.#firstNs = 0;
    } else {
      this.#failsAt = Number.isFinite(failsAt) ? 0 : failsAt;
      this.#nextTokens = request.tokens;
      this.#firstNs = this.#pace.next(1);
      this.dueNs = request.tokens > 1 ? this.#pace.next(request.tokens - 1) : this.#firstNs;
    }
  }

  /** Answers now what is due, and has the schedule come back for the rest. */
  begin(): void {
    const { stats, schedule } = this.#host;
    const { request } = this.#arrival;
    this.#counts.began(wallOfMonotonic(this.#startNs) / 1e6);
    if (request.isStreaming) {
      stats.prefilling++;
      stats.maxPrefilling = Math.max(stats.maxPrefilling, stats.prefilling);
    }
    this.#caller.open(this);
    if (this.dueNs > this.#startNs || request.isStreaming) schedule.add(this);
    else this.visit(this.#startNs);
  }

  visit(nowNs: number): void {
    if (this.#isGone) return;
    const { rpc } = this.#caller;
    if (rpc.unsentBytes > maxUnsentBytes) {
      rpc.onDrain(() => this.flushed());
      return;
    }
    if (this.#sent >= this.#failsAt) {
      if (this.#fail(nowNs)) return;
      this.#failsAt = Number.POSITIVE_INFINITY;
    }
    if (this.#arrival.request.isStreaming) this.#writeChunks(nowNs);
    else this.#writeWhole();
  }

  flushed(): void {
    if (!this.#isGone) this.#host.schedule.add(this);
  }

  aborted(): void {
    if (this.#isGone) return; // it ended its call itself
    this.#isGone = true;
    this.#host.schedule.remove(this);
    this.#leavePrefill();
    this.#counts.cancelled();
    if (this.#isDecoupled) this.#counts.responded(this.#responses, "cancel", this.#host.now() - this.#lastNs);
    this.#host.ended(this.#arrival, "aborted", this.#heldTokens, "abort");
  }

  get #counts() {
    return this.#arrival.request.deployed.counts;
  }

  get #isDecoupled(): boolean {
    return this.#arrival.request.deployed.kind.isDecoupled;
  }

  get #isWhole(): boolean {
    return this.#sent === this.#arrival.request.tokens;
  }

  get #heldTokens(): number {
    const { request } = this.#arrival;
    return request.isStreaming ? request.promptTokens + this.#sent * request.choices : heldBy(this.#arrival);
  }

  #writeWhole(): void {
    const { request } = this.#arrival;
    countWhole(this.#host, this.#arrival, { startNs: this.#startNs, firstNs: this.#firstNs });
    this.#isGone = true;
    this.#respond(request.tokens);
    this.#finish();
  }

  #writeChunks(nowNs: number): void {
    const { options, schedule } = this.#host;
    const { tokens } = this.#arrival.request;
    const { rpc } = this.#caller;
    do {
      this.#writeChunk(Math.min(this.#nextTokens, tokens - this.#sent));
      if (this.#isWhole) break;
      this.#nextTokens = this.#pace.chunkTokens();
      this.dueNs = this.#pace.next(Math.min(this.#nextTokens, tokens - this.#sent));
    } while (options.coalesce && this.dueNs <= nowNs && this.#sent < this.#failsAt && rpc.unsentBytes <= maxUnsentBytes);
    if (!this.#isWhole || this.#failsAt !== Number.POSITIVE_INFINITY) schedule.add(this);
    else this.#completeStream();
  }

  #writeChunk(tokens: number): void {
    const { stats } = this.#host;
    const { request, identity, meter } = this.#arrival;
    const isFirst = this.#sent === 0;
    const beforeNs = this.#lastNs;
    const sentNs = this.#respond(tokens);
    stats.chunksWritten += request.choices;
    stats.chunkWrites++;
    meter.heldTokens += tokens * request.choices;
    if (isFirst) {
      stats.prefilling--;
      meter.first(request, tokens, sentNs - identity.receivedNs);
    } else meter.further(request, tokens, sentNs - beforeNs);
  }

  #completeStream(): void {
    const { request, identity, meter } = this.#arrival;
    this.#isGone = true;
    const times = { receivedNs: identity.receivedNs, startNs: this.#startNs, firstNs: this.#firstNs, endNs: this.#lastNs };
    meter.whole(request, times);
    this.#host.ended(this.#arrival, "completed", this.#heldTokens, request.finishReason);
    this.#finish();
  }

  /** Sends the response that brings `count` tokens more. Returns when, as its stamp says. */
  #respond(count: number): number {
    const { request, identity, failure } = this.#arrival;
    const { kind } = request.deployed;
    const before = this.#sent;
    const beforeNs = this.#lastNs;
    this.#sent += count;
    const sentNs = this.#host.now();
    if (request.isStreaming && before === 0) this.#firstNs = sentNs;
    this.#lastNs = sentNs;
    const { receivedNs } = identity;
    const { hasUsage, plan, fitting } = request;
    const part = { before, count, isLast: this.#isWhole, hasUsage, receivedNs, startNs: this.#startNs, firstNs: this.#firstNs };
    const outputs = plan.outputs({ ...part, nowNs: sentNs }).filter(({ name }) => fitting.outputs?.has(name) ?? true);
    const isFinal = this.#isWhole && kind.endMark === "inLast" && failure?.kind !== "no-done";
    if (this.#isDecoupled) this.#counts.responded(this.#responses, "success", sentNs - beforeNs);
    this.#responses++;
    this.#send({ outputs, isFinal, sentNs, isOver: !this.#caller.isStream });
    return sentNs;
  }

  /** What follows the last response, and the end of the request. */
  #finish(): void {
    const { request, identity, failure } = this.#arrival;
    const { fitting, deployed } = request;
    const times = { receivedNs: identity.receivedNs, startNs: this.#startNs, endNs: this.#lastNs };
    this.#counts.succeeded(fitting.batch, times);
    if (!this.#caller.isStream) return;
    if (deployed.kind.endMark === "empty" && failure?.kind !== "no-done") this.#sendEmptyFinal();
    if (failure?.kind === "after-final") {
      const [outputs, sentNs] = [this.#outputsAgain(), this.#host.now()];
      this.#send({ outputs, isFinal: true, sentNs, isOver: false });
    }
    this.#caller.close();
  }

  /** To those who asked for it. */
  #sendEmptyFinal(): void {
    if (this.#isDecoupled) this.#counts.responded(this.#responses, "empty", this.#host.now() - this.#lastNs);
    if (!this.#arrival.request.fitting.wantsEmptyFinal) return;
    this.#send({ outputs: [], isFinal: true, sentNs: this.#host.now(), isOver: false });
  }

  #outputsAgain(): Tensor[] {
    const { request, identity } = this.#arrival;
    const { receivedNs } = identity;
    const times = { receivedNs, startNs: this.#startNs, firstNs: this.#firstNs, nowNs: this.#lastNs };
    return request.plan.outputs({ before: 0, count: 1, isLast: true, hasUsage: false, ...times });
  }

  #send({ outputs, isFinal, sentNs, isOver }: Sending): void {
    const { request, identity } = this.#arrival;
    const stamps = this.#host.options.stamps ? { receivedNs: identity.receivedNs, sentNs } : undefined;
    const response: InferResponse = {
      model: request.deployed.name,
      version: outputs.length > 0 ? modelVersion : "",
      id: request.id,
      isFinal: this.#caller.isStream ? isFinal : undefined,
      stamps,
      outputs,
    };
    this.#caller.respond(response, isOver);
  }

  /** True: the answer is over, or stalls. */
  #fail(nowNs: number): boolean {
    const { failure, request } = this.#arrival;
    const { rpc, isStream } = this.#caller;
    switch (failure?.kind) {
      case "garbage":
        if (isStream) {
          rpc.write(garbageFrame());
          return false;
        }
        this.#failed("abort");
        rpc.end(ok, garbageFrame());
        return true;
      case "no-answer":
        if (!isStream) return false;
        this.#failed("abort");
        this.#send({ outputs: [], isFinal: true, sentNs: this.#host.now(), isOver: true });
        return true;
      case "stall-midway":
        if (!this.#isStalled) {
          this.#isStalled = true;
          this.dueNs = nowNs + this.#host.options.stallMs * 1e6;
          this.#host.schedule.add(this);
          return true;
        }
        this.#failed("abort");
        rpc.reset();
        return true;
      case "cut":
        this.#failed("abort");
        rpc.cut();
        return true;
      case "truncate":
        this.#failed("abort");
        rpc.end(ok);
        return true;
      case "error-event":
        this.#failed("error");
        if (this.#isDecoupled) this.#counts.responded(this.#responses, "fail", this.#host.now() - this.#lastNs);
        this.#caller.fail(status("internal", injectedInBand().message), request.deployed.name);
        return true;
      default:
        this.#failed("abort");
        rpc.reset();
        return true;
    }
  }

  #failed(reason: FinishedReason): void {
    const { identity } = this.#arrival;
    this.#isGone = true;
    this.#leavePrefill();
    this.#counts.failed(this.#host.now() - identity.receivedNs);
    this.#host.ended(this.#arrival, "failed", this.#heldTokens, reason);
  }

  #leavePrefill(): void {
    if (this.#arrival.request.isStreaming && this.#sent === 0) this.#host.stats.prefilling--;
  }
}

interface Sending {
  readonly outputs: readonly Tensor[];
  readonly isFinal: boolean;
  readonly sentNs: number;
  /** The request has nothing more to come. */
  readonly isOver: boolean;
}
