/** An answer that is not streamed: it waits until its last token would have been due, then goes out at once, or fails as was decided. */

import type { Connection } from "../http/connection.ts";
import { filledIn } from "../text/event-template.ts";
import { injectedInBand } from "../text/refusal.ts";
import type { TextRequest } from "../text/request.ts";
import type { AnswerHost, Arrival, ScheduledAnswer } from "./answer.ts";
import { type BeginTimes, countWhole, heldBy } from "./whole-count.ts";

const json = "application/json";

/** Sends a whole answer now. */
export function sendWhole(host: AnswerHost, arrival: Arrival<TextRequest>, connection: Connection, times: BeginTimes): void {
  countWhole(host, arrival, times);
  connection.answer(200, json, bodyOf(host, arrival));
}

function bodyOf(host: AnswerHost, { request, identity }: Arrival<TextRequest>): string {
  const hasStamps = host.options.stamps;
  return filledIn(request.endpoint.wholeBody(request, hasStamps), identity, hasStamps ? host.now() : undefined);
}

export class WholeAnswer implements ScheduledAnswer {
  dueNs: number;
  heapIndex = -1;
  readonly #host: AnswerHost;
  readonly #arrival: Arrival<TextRequest>;
  readonly #connection: Connection;
  readonly #times: BeginTimes;
  /** Half of the answer is written; the failure is still to come. */
  #isHalf = false;
  #isGone = false;

  constructor(host: AnswerHost, arrival: Arrival<TextRequest>, connection: Connection, nowNs: number) {
    const { request, identity, failure } = arrival;
    this.#host = host;
    this.#arrival = arrival;
    this.#connection = connection;
    const slowNs = failure?.kind === "slow" ? host.slownessNsOf(identity.ordinal) : 0;
    const pace = host.paceOf(identity.ordinal, nowNs + slowNs);
    const firstNs = pace.next(1);
    this.#times = { startNs: nowNs, firstNs };
    this.dueNs = request.tokens > 1 ? pace.next(request.tokens - 1) : firstNs;
    connection.open(this);
    host.schedule.add(this);
  }

  visit(nowNs: number): void {
    if (this.#isGone) return;
    const { failure } = this.#arrival;
    switch (failure?.kind) {
      case "garbage":
      case "error-event":
      case "truncate":
        this.#answerWrong(failure.kind);
        break;
      case "cut":
      case "reset-midway":
      case "stall-midway":
        if (!this.#isHalf) this.#writeHalf(failure.kind, nowNs);
        else if (this.#connection.unsentBytes > 0) this.#connection.waitForFlush();
        else this.#endHalf(failure.kind);
        break;
      default:
        sendWhole(this.#host, this.#arrival, this.#connection, this.#times);
    }
  }

  flushed(): void {
    this.#host.schedule.add(this);
  }

  aborted(): void {
    this.#isGone = true;
    this.#host.schedule.remove(this);
    this.#host.ended(this.#arrival, "aborted", heldBy(this.#arrival), "abort");
  }

  /** A whole body under 200, which says the wrong thing. */
  #answerWrong(kind: "garbage" | "error-event" | "truncate"): void {
    this.#failed(kind === "error-event" ? "error" : "abort");
    const { request } = this.#arrival;
    const connection = this.#connection;
    if (kind === "error-event") connection.answer(200, json, request.endpoint.errorBody(injectedInBand()));
    else if (kind === "garbage") connection.answer(200, json, "this is no JSON");
    else connection.answer(200, json, half(bodyOf(this.#host, this.#arrival)));
  }

  #writeHalf(kind: "cut" | "reset-midway" | "stall-midway", nowNs: number): void {
    const body = bodyOf(this.#host, this.#arrival);
    const connection = this.#connection;
    connection.write(connection.head(200, json, `content-length: ${body.length}\r\n`) + half(body));
    this.#isHalf = true;
    this.dueNs = kind === "stall-midway" ? nowNs + this.#host.options.stallMs * 1e6 : nowNs;
    this.#host.schedule.add(this);
  }

  #endHalf(kind: "cut" | "reset-midway" | "stall-midway"): void {
    this.#failed("abort");
    if (kind === "reset-midway") this.#connection.reset();
    else this.#connection.cut();
  }

  #failed(reason: "abort" | "error"): void {
    this.#isGone = true;
    this.#host.ended(this.#arrival, "failed", heldBy(this.#arrival), reason);
  }
}

function half(body: string): string {
  return body.slice(0, body.length >> 1);
}
