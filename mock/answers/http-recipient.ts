/** Answers over HTTP/1.1: which kind of answer a request gets, and how one fails that is not begun. */
import type { Connection, OpenAnswer } from "../http/connection.ts";
import { injected } from "../text/refusal.ts";
import type { TextRequest } from "../text/request.ts";
import type { AnswerHost, Arrival, Recipient } from "./answer.ts";
import type { Failure } from "./failures.ts";
import { StreamedAnswer } from "./streamed-answer.ts";
import { sendWhole, WholeAnswer } from "./whole-answer.ts";

const noHttp = "220 this is not HTTP\r\n\r\n";

export class HttpRecipient implements Recipient<TextRequest> {
  readonly #connection: Connection;
  readonly #request: TextRequest;
  readonly #retryAfterSec: number;

  constructor(connection: Connection, request: TextRequest, retryAfterSec: number) {
    this.#connection = connection;
    this.#request = request;
    this.#retryAfterSec = retryAfterSec;
  }

  wait(waiting: OpenAnswer): void {
    this.#connection.open(waiting);
  }

  open(answer: OpenAnswer): void {
    this.#connection.open(answer);
  }

  start(host: AnswerHost, arrival: Arrival<TextRequest>, nowNs: number, isAtOnce: boolean): void {
    const connection = this.#connection;
    if (isAtOnce) sendWhole(host, arrival, connection, { startNs: nowNs, firstNs: nowNs });
    else if (arrival.request.isStreaming) new StreamedAnswer(host, arrival, connection, nowNs);
    else new WholeAnswer(host, arrival, connection, nowNs);
  }

  failAtOnce({ kind, status }: Failure): void {
    const connection = this.#connection;
    if (kind === "status") {
      const retry = status === 429 || status === 503 ? `retry-after: ${this.#retryAfterSec}\r\n` : "";
      connection.answer(status, "application/json", this.#request.endpoint.errorBody(injected(status)), retry);
    } else if (kind === "reset") connection.reset();
    else {
      connection.write(noHttp);
      connection.cut();
    }
  }

  cut(): void {
    this.#connection.cut();
  }
}
