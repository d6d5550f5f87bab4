/** An answer of which nothing comes, not even a head, until the connection closes. */
import type { AnswerHost, Arrival, ScheduledAnswer } from "./answer.ts";

export class StalledAnswer implements ScheduledAnswer {
  readonly dueNs: number;
  heapIndex = -1;
  readonly #host: AnswerHost;
  readonly #arrival: Arrival;
  #isGone = false;

  constructor(host: AnswerHost, arrival: Arrival, nowNs: number) {
    this.#host = host;
    this.#arrival = arrival;
    this.dueNs = nowNs + host.options.stallMs * 1e6;
    arrival.recipient.open(this);
    host.schedule.add(this);
  }

  visit(): void {
    if (this.#isGone) return;
    this.#host.ended(this.#arrival, "failed", this.#arrival.request.promptTokens, "abort");
    this.#arrival.recipient.cut();
  }

  flushed(): void {}

  aborted(): void {
    this.#isGone = true;
    this.#host.schedule.remove(this);
    this.#host.ended(this.#arrival, "aborted", this.#arrival.request.promptTokens, "abort");
  }
}
