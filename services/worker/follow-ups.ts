/**
 * Further requests of one turn, for endpoints whose answer is a job: it is asked for until it is over, and what it made may be downloaded.
 * To everybody else it is one request: sent when the first was, answered with the last answer, over with its last byte. In between it can
 * be cancelled and goes over its limits like any other.
 */
import type { FollowUp } from "../../endpoints/endpoint.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { statusError } from "../../endpoints/target-error.ts";
import type { MonotonicNs } from "../common/clock.ts";
import { monotonicNs } from "../common/clock.ts";
import type { Exchange, ResponseHandler } from "./transport/transport.ts";

/** The request, as its follow-ups see it. */
export interface Followed extends ResponseHandler {
  /** The answer before was not the one: its body is forgotten, and this one begins. */
  beginAgain(atNs: MonotonicNs, status: number, contentType: string): void;
  /** Bytes came that are no part of the answer. */
  heard(atNs: MonotonicNs, bytes: number): void;
  /** What was to be downloaded is here: the answer ends now. */
  downloaded(atNs: MonotonicNs): void;
}

/** Waits, then sends. The handle is that of the wait; `send` has to replace it by that of its exchange. */
export function afterWait({ waitMs }: FollowUp, request: Followed, send: () => void): Exchange {
  const timer = setTimeout(send, waitMs);
  return {
    isWritten: true,
    abort: (error) => {
      clearTimeout(timer);
      request.onFailure(monotonicNs(), error);
    },
  };
}

export function followUpHandler({ isDownload = false }: FollowUp, request: Followed): ResponseHandler {
  return isDownload ? new DownloadHandler(request) : new AnswerHandler(request);
}

/** When it was sent and how it was connected is said of the first request alone. */
class AnswerHandler implements ResponseHandler {
  private readonly request: Followed;

  constructor(request: Followed) {
    this.request = request;
  }

  mayWrite(): boolean {
    return this.request.mayWrite();
  }

  onSent(atNs: MonotonicNs): void {
    this.request.heard(atNs, 0);
  }

  onWritten(): void {}

  onHead(atNs: MonotonicNs, status: number, contentType: string): void {
    this.request.beginAgain(atNs, status, contentType);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start?: number, end?: number): void {
    this.request.onBody(atNs, bytes, start, end);
  }

  onEnd(atNs: MonotonicNs): void {
    this.request.onEnd(atNs);
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.request.onFailure(atNs, error);
  }
}

/** Of a body that says why there is no download. */
const maxWordsBytes = 4096;

class DownloadHandler implements ResponseHandler {
  readonly #request: Followed;
  #status = 0;
  #words = Buffer.alloc(0);

  constructor(request: Followed) {
    this.#request = request;
  }

  get #isGood(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  mayWrite(): boolean {
    return this.#request.mayWrite();
  }

  onSent(atNs: MonotonicNs): void {
    this.#request.heard(atNs, 0);
  }

  onWritten(): void {}

  onHead(atNs: MonotonicNs, status: number): void {
    this.#status = status;
    this.#request.heard(atNs, 0);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start = 0, end = bytes.length): void {
    this.#request.heard(atNs, end - start);
    if (this.#isGood || this.#words.length >= maxWordsBytes) return;
    this.#words = Buffer.concat([this.#words, bytes.subarray(start, end)]).subarray(0, maxWordsBytes);
  }

  onEnd(atNs: MonotonicNs): void {
    if (this.#isGood) this.#request.downloaded(atNs);
    else this.#request.onFailure(atNs, statusError(this.#status, this.#words));
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.#request.onFailure(atNs, error);
  }
}
