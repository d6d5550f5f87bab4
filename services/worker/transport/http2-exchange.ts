import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
  OutgoingHttpHeaders,
} from "node:http2";
import { constants } from "node:http2";
import { grpcContentType } from "../../../endpoints/grpc-status.ts";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { closedByTarget, failureOf, fencedBeforeWrite } from "./failure.ts";
import type { AnswerHead, ConnectionFacts, Exchange, ResponseHandler, ResponseHeaders, WireRequest } from "./transport.ts";

/** One request over HTTP/2, from `send` to its end. */
export class Http2Exchange implements Exchange, AnswerHead {
  readonly request: WireRequest;
  /** Called once, when the request is over; set by the connection that carries it. */
  onOver: (() => void) | undefined;
  private readonly handler: ResponseHandler;
  private stream: ClientHttp2Stream | undefined;
  private phase: RequestErrorPhase = "connect";
  private isReused = false;
  private hasEnded = false;
  private seenHeaders: ResponseHeaders = {};
  private trailers: ResponseHeaders | undefined;

  private readonly goesOn: boolean;

  /** @param goesOn the body has no end: `more` adds to it */
  constructor(request: WireRequest, handler: ResponseHandler, goesOn = false) {
    this.request = request;
    this.handler = handler;
    this.goesOn = goesOn;
  }

  get isOver(): boolean {
    return this.hasEnded;
  }

  get isWritten(): boolean {
    return this.stream?.writableFinished === true;
  }

  headers(): ResponseHeaders {
    return this.seenHeaders;
  }

  /** Its stream is closed; its connection stays, for the others. */
  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
  }

  /** Goes out on a connection that stands. @param authority host and port, unless the request has a host of its own */
  write(session: ClientHttp2Session, scheme: string, authority: string, facts: ConnectionFacts): void {
    if (!this.handler.mayWrite()) {
      this.fail(monotonicNs(), fencedBeforeWrite);
      return;
    }
    const { method = "POST", body } = this.request;
    this.isReused = facts.isReused;
    this.phase = "wait";
    const atNs = monotonicNs();
    try {
      const stream = session.request(headersOf(this.request, scheme, authority), { endStream: method === "GET" });
      this.listen(stream);
      if (this.goesOn) this.more(body);
      else {
        // Before `end`, which may finish the stream's writing at once.
        stream.once("finish", () => this.onWritten(monotonicNs()));
        if (method !== "GET") stream.end(body);
      }
    } catch (error) {
      this.fail(atNs, requestError("unsendable", "send", error instanceof Error ? error.message : String(error)));
      return;
    }
    this.handler.onSent(atNs, facts);
  }

  /** Adds to a body that goes on; the handler's `onWritten` follows each time. Only once the request was sent. */
  more(bytes: Buffer): void {
    this.stream?.write(bytes, (error) => {
      if (error === null || error === undefined) this.onWritten(monotonicNs());
    });
  }

  /** The connection is gone. @param error why; undefined: the target closed it in good order */
  connectionGone(atNs: MonotonicNs, error: unknown): void {
    const failure = error === undefined ? closedByTarget(this.phase, this.isReused) : failureOf(error, this.phase, this.isReused);
    this.fail(atNs, failure);
  }

  fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.end();
    this.stream?.close(constants.NGHTTP2_CANCEL);
    this.handler.onFailure(atNs, error);
  }

  private end(): void {
    this.hasEnded = true;
    this.onOver?.();
  }

  private listen(stream: ClientHttp2Stream): void {
    this.stream = stream;
    stream.on("response", (headers) => this.onHead(monotonicNs(), headers));
    stream.on("data", (chunk: Buffer) => this.onData(monotonicNs(), chunk));
    stream.on("trailers", (trailers) => {
      this.trailers = trailers;
    });
    stream.on("end", () => this.onEnd(monotonicNs(), stream.rstCode ?? 0));
    // What is wrong with the whole connection its own events tell; `close` follows in any case.
    stream.on("error", ignoreError);
    stream.on("close", () => this.onClose(monotonicNs(), stream.rstCode ?? 0));
  }

  private onWritten(atNs: MonotonicNs): void {
    if (!this.hasEnded) this.handler.onWritten(atNs);
  }

  private onHead(atNs: MonotonicNs, headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    if (this.hasEnded) return;
    this.phase = "stream";
    const { ":status": status = 0, ...rest } = headers;
    this.seenHeaders = rest;
    this.handler.onHead(atNs, status, rest["content-type"] ?? "", this);
  }

  private onData(atNs: MonotonicNs, chunk: Buffer): void {
    if (!this.hasEnded) this.handler.onBody(atNs, chunk);
  }

  private onEnd(atNs: MonotonicNs, resetCode: number): void {
    // A reset ends the body, too: `close` tells of it. One without an error after the whole answer is none.
    if (this.hasEnded || this.phase !== "stream" || resetCode !== constants.NGHTTP2_NO_ERROR) return;
    this.end();
    this.handler.onEnd(atNs, this.trailers);
  }

  /** Alone, without its connection: the target has reset the stream. */
  private onClose(atNs: MonotonicNs, resetCode: number): void {
    if (this.hasEnded) return;
    this.fail(atNs, requestError("reset", this.phase, `the target reset the stream with code ${resetCode}`));
  }
}

function ignoreError(): void {}

/** The headers that many requests share, as Node takes them; they are one array for all of them. */
let known: { readonly given: readonly string[]; readonly made: OutgoingHttpHeaders } = { given: [], made: {} };

function headersOf(request: WireRequest, scheme: string, authority: string): OutgoingHttpHeaders {
  const { path, headers, ownHeaders = [], body, method = "POST" } = request;
  if (known.given !== headers) known = { given: headers, made: withHeaders({}, headers) };
  const all: OutgoingHttpHeaders = {
    ":method": method,
    ":scheme": scheme,
    ":authority": authority,
    ":path": path,
    ...known.made,
  };
  withHeaders(all, ownHeaders);
  // The messages of a call have lengths of their own.
  if (all["content-type"] === grpcContentType) all.te = "trailers";
  else if (method !== "GET") all["content-length"] = String(body.length);
  return all;
}

/** With these, name, value, name, value. */
function withHeaders(all: OutgoingHttpHeaders, pairs: readonly string[]): OutgoingHttpHeaders {
  for (let index = 0; index < pairs.length; index += 2) {
    const name = (pairs[index] ?? "").toLowerCase();
    const value = pairs[index + 1] ?? "";
    if (name === "host") all[":authority"] = value;
    // HTTP/2 has no use for it.
    else if (name !== "connection") all[name] = value;
  }
  return all;
}
