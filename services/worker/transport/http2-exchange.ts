import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import type { DecodedHeaders } from "../core/http2/hpack-decoder.ts";
import { closedByTarget, failureOf, fencedBeforeWrite } from "./failure.ts";
import type { Http2Head } from "./http2-heads.ts";
import type { Http2Session, Http2Stream, StreamHandler } from "./http2-session.ts";
import type { AnswerHead, ConnectionFacts, Exchange, ResponseHandler, ResponseHeaders, WireRequest } from "./transport.ts";

/** What the request and the connection that carries it have to do with each other. */
export interface Carrier {
  readonly session: Http2Session;
  readonly facts: ConnectionFacts;
}

/** One request over HTTP/2, from `send` to its end. */
export class Http2Exchange implements Exchange, AnswerHead, StreamHandler {
  readonly request: WireRequest;
  readonly head: Http2Head;
  /** Called once, when the request is over; set by the connection that carries it. */
  onOver: (() => void) | undefined;
  isWritten = false;
  private readonly handler: ResponseHandler;
  private readonly goesOn: boolean;
  private carrier: Carrier | undefined;
  private stream: Http2Stream | undefined;
  private phase: RequestErrorPhase = "connect";
  private hasEnded = false;
  private seenHeaders: ResponseHeaders = {};
  private trailers: ResponseHeaders | undefined;
  /** Of the body; what the answer said, and what came. */
  private saidBytes: number | undefined;
  private seenBytes = 0;

  /** @param goesOn the body has no end: `more` adds to it */
  constructor(request: WireRequest, head: Http2Head, handler: ResponseHandler, goesOn: boolean) {
    this.request = request;
    this.head = head;
    this.handler = handler;
    this.goesOn = goesOn;
  }

  headers(): ResponseHeaders {
    return this.seenHeaders;
  }

  /** Its stream is closed; its connection stays, for the others. */
  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
  }

  /** Goes out on a connection that stands. */
  write(carrier: Carrier): void {
    if (!this.handler.mayWrite()) {
      this.fail(monotonicNs(), fencedBeforeWrite);
      return;
    }
    const { method, body } = this.request;
    this.carrier = carrier;
    this.phase = "wait";
    this.stream = carrier.session.request(this, this.head, method === "GET" ? undefined : body, this.goesOn);
  }

  /** Adds to a body that goes on; the handler's `onWritten` follows each time. Only once the request was sent. */
  more(bytes: Buffer): void {
    if (this.stream !== undefined) this.carrier?.session.more(this.stream, bytes);
  }

  /** The connection is gone. @param error why; undefined: the target closed it in good order @param words that it had for that */
  connectionGone(atNs: MonotonicNs, error: unknown, words?: string): void {
    const isReused = this.carrier?.facts.isReused ?? false;
    const { code, phase, message } =
      error === undefined ? closedByTarget(this.phase, isReused) : failureOf(error, this.phase, isReused);
    this.fail(atNs, requestError(code, phase, words === undefined ? message : `${message}: ${words}`));
  }

  fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.end();
    if (this.stream !== undefined) this.carrier?.session.reset(this.stream);
    this.handler.onFailure(atNs, error);
  }

  onSent(atNs: MonotonicNs): void {
    if (!this.hasEnded && this.carrier !== undefined) this.handler.onSent(atNs, this.carrier.facts);
  }

  onWritten(atNs: MonotonicNs): void {
    this.isWritten = true;
    if (!this.hasEnded) this.handler.onWritten(atNs);
  }

  onHeaders(atNs: MonotonicNs, { status, headers }: DecodedHeaders): void {
    if (this.phase === "stream") {
      this.trailers = headers;
      return;
    }
    this.phase = "stream";
    this.seenHeaders = headers;
    const { "content-type": type, "content-length": length } = headers;
    if (typeof length === "string" && /^\d{1,15}$/.test(length)) this.saidBytes = Number(length);
    this.handler.onHead(atNs, status, typeof type === "string" ? type : "", this);
  }

  onData(atNs: MonotonicNs, bytes: Buffer, start: number, end: number): void {
    this.seenBytes += end - start;
    if (!this.hasEnded) this.handler.onBody(atNs, bytes, start, end);
  }

  onEnd(atNs: MonotonicNs): void {
    if (this.hasEnded) return;
    if (this.saidBytes !== undefined && this.seenBytes !== this.saidBytes) {
      const cut = `the answer said ${this.saidBytes} bytes and has ${this.seenBytes}`;
      this.fail(atNs, requestError("truncated", "stream", cut));
      return;
    }
    this.end();
    this.handler.onEnd(atNs, this.trailers);
  }

  onReset(atNs: MonotonicNs, code: number): void {
    this.fail(atNs, requestError("reset", this.phase, `the target reset the stream with code ${code}`));
  }

  onRefused(atNs: MonotonicNs): void {
    const isStale = this.phase === "wait" && this.carrier?.facts.isReused === true;
    const words = "the target left the connection without looking at the request";
    this.fail(atNs, requestError(isStale ? "stale_connection" : "reset", this.phase, words));
  }

  private end(): void {
    this.hasEnded = true;
    this.onOver?.();
  }
}
