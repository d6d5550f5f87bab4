/**
 * Streams that stay open: a request takes one that is free, or opens one, and leaves it to the next. So there are as many as there are
 * requests at once, and on each of them goes one request at a time. Responses belong to the request whose id they have; those to one that
 * is over are dropped. A request that is given up takes its stream with it, since nothing else of the protocol reaches the model.
 */
import type { RequestError } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { messageOf } from "../../common/errors.ts";
import { compressedFrame } from "../../common/grpc-compression.ts";
import { FrameFeed, prefixBytes } from "../../common/grpc-frames.ts";
import { idField, readStreamedResponse, type StreamedResponse } from "../core/streamed-response.ts";
import { fencedBeforeWrite } from "./failure.ts";
import { cutMessage, isCallHead, statusOf, tryPlainFrame } from "./grpc-call.ts";
import type { CallHeaders } from "./grpc-headers.ts";
import type { Http2Transport } from "./http2.ts";
import type { Http2Exchange } from "./http2-exchange.ts";
import type {
  AnswerHead,
  ConnectionFacts,
  Exchange,
  GrpcOptions,
  ResponseHandler,
  ResponseHeaders,
  WireRequest,
} from "./transport.ts";

export interface SlotOptions extends GrpcOptions {
  readonly headers: CallHeaders;
}

const none: readonly string[] = [];

export class SlotStreams {
  readonly carrier: Http2Transport;
  readonly options: SlotOptions;
  /** Without a request; the last one that was used goes first. */
  private readonly free: SlotStream[] = [];
  private requests = 0;

  constructor(carrier: Http2Transport, options: SlotOptions) {
    this.carrier = carrier;
    this.options = options;
  }

  send(request: WireRequest, handler: ResponseHandler): Exchange {
    const slot = new SlotRequest(this.idOf(request), handler);
    const foreign = this.foreignHeader(request);
    if (foreign !== undefined) {
      const why = `its header ${foreign} needs a call of its own: a slot's stream has the headers of all requests`;
      queueMicrotask(() => slot.abort(requestError("unsendable", "send", why)));
      return slot;
    }
    const stream = this.takeFree(request) ?? new SlotStream(this, request);
    slot.stream = stream;
    const { compression } = this.options;
    stream.carry(slot, compressedFrame(compression, request.body, idField(slot.id)));
    return slot;
  }

  release(stream: SlotStream): void {
    this.free.push(stream);
  }

  remove(stream: SlotStream): void {
    const index = this.free.indexOf(stream);
    if (index >= 0) this.free.splice(index, 1);
  }

  private takeFree(request: WireRequest): SlotStream | undefined {
    const index = this.free.findLastIndex((stream) => stream.suits(request));
    return index < 0 ? undefined : this.free.splice(index, 1)[0];
  }

  private idOf({ ownHeaders = none }: WireRequest): string {
    const [name] = this.options.idHeaders;
    const at = ownHeaders.indexOf(name ?? "");
    return (at % 2 === 0 ? ownHeaders[at + 1] : undefined) ?? String(++this.requests);
  }

  /** A header of this request alone that is more than a name for it. */
  private foreignHeader({ ownHeaders = none }: WireRequest): string | undefined {
    const { idHeaders } = this.options;
    return ownHeaders.find((name, index) => index % 2 === 0 && !idHeaders.includes(name.toLowerCase()));
  }
}

/** One request of a stream. */
class SlotRequest implements Exchange {
  readonly id: string;
  readonly handler: ResponseHandler;
  stream: SlotStream | undefined;
  isWritten = false;
  hasHead = false;
  private isOver = false;

  constructor(id: string, handler: ResponseHandler) {
    this.id = id;
    this.handler = handler;
  }

  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
    this.stream?.givenUp(this, error);
  }

  fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handler.onFailure(atNs, error);
  }

  end(atNs: MonotonicNs, trailers?: ResponseHeaders): void {
    if (this.isOver) return;
    this.isOver = true;
    this.handler.onEnd(atNs, trailers);
  }
}

class SlotStream implements ResponseHandler {
  private readonly streams: SlotStreams;
  private readonly first: WireRequest;
  private readonly feed = new FrameFeed();
  private call: Http2Exchange | undefined;
  private connection: ConnectionFacts | undefined;
  private current: SlotRequest | undefined;
  private status = 0;
  private contentType = "";
  private head: AnswerHead | undefined;

  /** @param first what has the headers and the path of all its requests */
  constructor(streams: SlotStreams, first: WireRequest) {
    this.streams = streams;
    this.first = first;
  }

  suits({ target, path, headers }: WireRequest): boolean {
    const { first } = this;
    return first.target === target && first.path === path && first.headers === headers;
  }

  carry(request: SlotRequest, frame: Buffer): void {
    this.current = request;
    const { connection, call, streams, first } = this;
    if (call === undefined) {
      const opening = { ...first, headers: streams.options.headers(first.headers), ownHeaders: none, body: frame };
      this.call = streams.carrier.begin(opening, this);
    } else if (!request.handler.mayWrite()) this.refuse(request);
    else if (connection !== undefined) {
      const atNs = monotonicNs();
      call.more(frame);
      request.handler.onSent(atNs, { isReused: true, connectNs: undefined, steps: undefined, opened: connection.opened });
    }
  }

  /** Its request is over by this side's will. */
  givenUp(request: SlotRequest, error: RequestError): void {
    if (this.current !== request) return;
    this.current = undefined;
    this.call?.abort(error);
  }

  mayWrite(): boolean {
    return this.current?.handler.mayWrite() ?? false;
  }

  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void {
    this.connection = connection;
    this.current?.handler.onSent(atNs, connection);
  }

  onWritten(atNs: MonotonicNs): void {
    const { current } = this;
    if (current === undefined || current.isWritten) return;
    current.isWritten = true;
    current.handler.onWritten(atNs);
  }

  onHead(atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void {
    this.status = status;
    this.contentType = contentType;
    this.head = head;
    // What is no call answers the request that opened it; the head of one is that of many.
    if (!this.isCall && this.current !== undefined) this.begin(this.current, atNs);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start = 0, end = bytes.length): void {
    if (!this.isCall) {
      this.current?.handler.onBody(atNs, bytes, start, end);
      return;
    }
    const { feed } = this;
    feed.add(bytes.subarray(start, end));
    for (let frame = feed.next(); frame !== undefined; frame = feed.next()) this.take(atNs, frame);
    feed.keep();
  }

  onEnd(atNs: MonotonicNs, trailers: ResponseHeaders = this.head?.headers() ?? {}): void {
    const current = this.leave();
    if (current === undefined) return;
    if (!this.isCall) {
      current.end(atNs, trailers);
      return;
    }
    const phase = current.hasHead ? "stream" : "wait";
    const early = this.feed.isInside ? cutMessage : requestError("truncated", phase, "the call ended before the last response");
    current.fail(atNs, statusOf(trailers, phase) ?? early);
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.leave()?.fail(atNs, error);
  }

  private get isCall(): boolean {
    return isCallHead(this.status, this.contentType);
  }

  /** Nobody gets it any more. Returns the request that was on it. */
  private leave(): SlotRequest | undefined {
    const { current } = this;
    this.current = undefined;
    this.streams.remove(this);
    return current;
  }

  private refuse(request: SlotRequest): void {
    this.current = undefined;
    this.streams.release(this);
    request.fail(monotonicNs(), fencedBeforeWrite);
  }

  private take(atNs: MonotonicNs, frame: Buffer): void {
    const plain = tryPlainFrame(frame, this.head?.headers() ?? {});
    const said = Buffer.isBuffer(plain) ? tryRead(plain) : plain;
    if (!Buffer.isBuffer(plain) || "code" in said) {
      if ("code" in said) this.current?.abort(said);
      return;
    }
    const { current } = this;
    // What fails before it is a request of a model may have come without its id.
    const isCurrent = said.id === current?.id || (said.id === "" && said.isError);
    if (current === undefined || !isCurrent) return;
    if (!current.hasHead) this.begin(current, atNs);
    current.handler.onBody(atNs, plain);
    if (said.isError || said.isFinal === true) {
      this.current = undefined;
      this.streams.release(this);
      current.end(atNs);
    } else if (said.isFinal === undefined) current.abort(unmarked);
  }

  private begin(request: SlotRequest, atNs: MonotonicNs): void {
    request.hasHead = true;
    request.handler.onHead(atNs, this.status, this.contentType, this.head);
  }
}

const unmarked = requestError(
  "parse",
  "parse",
  "a response does not say whether it is the last (triton_final_response), which a stream for several requests needs",
);

function tryRead(frame: Buffer): StreamedResponse | RequestError {
  try {
    return readStreamedResponse(frame.subarray(prefixBytes));
  } catch (error) {
    return requestError("parse", "parse", `a message is not of KServe's inference service: ${messageOf(error)}`);
  }
}
