/**
 * One connection to a target and the request that is on it.
 *
 * opening → free ⇄ in use → closed. It is closed by the target, by what the target sends, or by `close`, in any state.
 */
import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import type { ResponseHead } from "../core/http1-head.ts";
import { ResponseParser, type ResponseSink } from "../core/http1-response.ts";
import { OpeningStamps } from "./connection-steps.ts";
import { closedByTarget, failureOf, fencedBeforeWrite } from "./failure.ts";
import type { Keepable, KeptConnections } from "./kept-connections.ts";
import { type ReadyHead, writeRequest } from "./request-writer.ts";
import type { ConnectionFacts, ConnectionWatcher, Exchange, ResponseHandler, TargetOptions, WireRequest } from "./transport.ts";
import { whenWritten } from "./written.ts";

/** All sockets of this process read into it, one after the other; what is in it is handed on before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);
const probeAfterMs = 60_000;

export interface ConnectionOptions {
  readonly target: number;
  readonly options: TargetOptions;
  readonly address: NetConnectOpts;
  readonly kept: KeptConnections<Http1Connection>;
  readonly watcher: ConnectionWatcher | undefined;
}

/** One request, from `send` to its end. */
export class Http1Exchange implements Exchange {
  readonly request: WireRequest;
  readonly head: ReadyHead;
  readonly handler: ResponseHandler;
  /** It waits for this connection to open, or is on it. */
  connection: Http1Connection | undefined;
  phase: RequestErrorPhase = "connect";
  hasEnded = false;

  constructor(request: WireRequest, head: ReadyHead, handler: ResponseHandler) {
    this.request = request;
    this.head = head;
    this.handler = handler;
  }

  get isWritten(): boolean {
    return this.phase !== "connect" && this.connection?.isDrained === true;
  }

  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
  }

  /** Its connection is closed with it. */
  fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.connection?.discard();
    this.handler.onFailure(atNs, error);
  }
}

export class Http1Connection implements Keepable, ResponseSink<Buffer> {
  readonly target: number;
  readonly isPooled: boolean;
  session: string | undefined;
  rest: NodeJS.Timeout | undefined;
  freeUntilNs: MonotonicNs = Number.POSITIVE_INFINITY;
  /** It stands, and the target has not closed it. */
  isUsable = false;
  /** When something was last heard of the target on it. */
  heardNs: MonotonicNs = Number.POSITIVE_INFINITY;
  private readonly kept: KeptConnections<Http1Connection>;
  private readonly socket: Socket;
  private readonly parser: ResponseParser<Buffer> = new ResponseParser(this);
  private readonly startNs: MonotonicNs = monotonicNs();
  private connectTimer: NodeJS.Timeout | undefined;
  private exchange: Http1Exchange | undefined;
  /** Told once when it stands, has failed or was closed before. */
  private opener: (() => void) | undefined;
  private readonly opening: OpeningStamps;
  private connectNs: number | undefined;
  private requests = 0;
  /** The same for every request but the first. */
  private reused: ConnectionFacts | undefined;

  constructor({ target, options, address, kept, watcher }: ConnectionOptions) {
    this.target = target;
    this.isPooled = options.isPooled;
    this.kept = kept;
    this.socket = connect({
      ...address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
      onread: { buffer: readBuffer, callback: (sizeBytes) => this.onRead(sizeBytes) },
    });
    this.opening = new OpeningStamps(this.startNs, watcher);
    this.opening.follow(this.socket);
    this.socket.once("connect", () => this.onConnect());
    this.socket.on("end", () => this.onTargetEnd());
    this.socket.on("error", (error) => this.onError(error));
    this.connectTimer = setTimeout(() => this.onConnectTimeout(options.connectTimeoutMs), options.connectTimeoutMs);
  }

  /** It is taken for this request: `write` is next, called by itself where the connection does not stand yet. */
  reserve(exchange: Http1Exchange): void {
    this.exchange = exchange;
    exchange.connection = this;
  }

  /** The kernel has all that was written. */
  get isDrained(): boolean {
    return this.socket.writableLength === 0;
  }

  /** Resolves when it stands, has failed or was closed before. */
  async opened(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.opener = resolve;
    });
  }

  /** Its request, not written yet, goes elsewhere. */
  release(): void {
    this.exchange = undefined;
  }

  /** Writes the request that it is taken for. */
  write(exchange: Http1Exchange): void {
    const { handler } = exchange;
    if (!handler.mayWrite()) {
      exchange.fail(monotonicNs(), fencedBeforeWrite);
      return;
    }
    exchange.phase = "wait";
    this.parser.begin();
    const facts = this.facts();
    const atNs = monotonicNs();
    writeRequest(this.socket, exchange.head, exchange.request.body);
    handler.onSent(atNs, facts);
    whenWritten(this.socket, (writtenNs) => {
      if (!exchange.hasEnded) handler.onWritten(writtenNs);
    });
  }

  discard(): void {
    this.kept.discard(this);
  }

  /** Called by its books alone: `discard` is for everybody else. A request that is on it fails with `reset`. */
  close(): void {
    const { exchange } = this;
    this.isUsable = false;
    this.exchange = undefined;
    this.parser.stop();
    clearTimeout(this.connectTimer);
    this.socket.destroy();
    this.settleOpener();
    exchange?.fail(monotonicNs(), requestError("reset", exchange.phase, "the connection was closed by this side"));
  }

  /** Resolves once nothing of it is left. */
  async gone(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, "close");
  }

  onResponseHead(head: ResponseHead): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    exchange.phase = "stream";
    exchange.handler.onHead(this.heardNs, head.status, head.contentType, head);
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    this.exchange?.handler.onBody(this.heardNs, bytes, start, end);
  }

  private facts(): ConnectionFacts {
    const { connectNs, opening } = this;
    if (this.requests++ > 0) {
      this.reused ??= { isReused: true, connectNs: undefined, steps: undefined, opened: opening };
      return this.reused;
    }
    return { isReused: false, connectNs, steps: connectNs === undefined ? undefined : opening.steps, opened: opening };
  }

  private onConnect(): void {
    const atNs = monotonicNs();
    clearTimeout(this.connectTimer);
    this.connectTimer = undefined;
    // Opened ahead, no request has waited for it.
    if (this.exchange !== undefined) this.connectNs = atNs - this.startNs;
    this.heardNs = atNs;
    this.isUsable = true;
    this.kept.opened++;
    this.settleOpener();
    if (this.exchange !== undefined) this.write(this.exchange);
  }

  private onRead(sizeBytes: number): boolean {
    const atNs = monotonicNs();
    this.heardNs = atNs;
    const { exchange } = this;
    if (exchange === undefined || exchange.phase === "connect") {
      this.onUnasked();
      return true;
    }
    const taken = this.parser.feed(readBuffer, sizeBytes);
    // A callback may have ended the request, and another one may be on the connection already.
    if (this.exchange !== exchange) return true;
    if (this.parser.isComplete) this.onComplete(exchange, atNs, taken === sizeBytes);
    else if (this.parser.wrong !== undefined) {
      exchange.fail(atNs, requestError("parse", "parse", `answer is not HTTP/1.1: ${this.parser.wrong}`));
    }
    return true;
  }

  /** A target that speaks without being asked cannot be understood. */
  private onUnasked(): void {
    this.isUsable = false;
    this.socket.destroy();
    this.kept.gone(this);
  }

  private onComplete(exchange: Http1Exchange, atNs: MonotonicNs, isAll: boolean): void {
    const { isKept, keptSec } = this.parser.head;
    exchange.hasEnded = true;
    this.exchange = undefined;
    // A target that answers before it has read the request leaves the rest of it in the way.
    if (isKept && isAll && this.isUsable && this.isDrained) this.kept.giveBack(this, atNs, keptSec);
    else this.discard();
    exchange.handler.onEnd(atNs);
  }

  private onTargetEnd(): void {
    const atNs = monotonicNs();
    this.isUsable = false;
    const { exchange } = this;
    if (exchange === undefined || exchange.phase === "connect") this.kept.gone(this);
    else if (this.parser.endsWithConnection) this.onComplete(exchange, atNs, true);
    else this.cut(exchange, atNs, closedByTarget(exchange.phase, this.requests > 1));
  }

  private onError(error: Error): void {
    const atNs = monotonicNs();
    const wasUsable = this.isUsable;
    this.isUsable = false;
    const { exchange } = this;
    if (exchange === undefined || (exchange.phase === "connect" && wasUsable)) {
      this.kept.gone(this);
      if (!wasUsable) this.discard();
    } else this.cut(exchange, atNs, failureOf(error, exchange.phase, this.requests > 1));
  }

  private cut(exchange: Http1Exchange, atNs: MonotonicNs, failure: RequestError): void {
    if (failure.code === "stale_connection") this.kept.distrust(this.target);
    exchange.fail(atNs, failure);
  }

  private onConnectTimeout(limitMs: number): void {
    this.exchange?.fail(monotonicNs(), requestError("connect_timeout", "connect", `no connection after ${limitMs / 1000} s`));
    this.discard();
  }

  private settleOpener(): void {
    const { opener } = this;
    this.opener = undefined;
    opener?.();
  }
}
