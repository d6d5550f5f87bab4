/**
 * HTTP/1.1 over undici: one `Client` per connection and `dispatch` with a raw handler, which is the cheapest path that
 * undici has. For TLS and proxies; `http1.ts` is the faster one where there is neither.
 */
import type { Socket } from "node:net";
import { type buildConnector, Client, type Dispatcher } from "undici";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { OpeningStamps } from "./connection-steps.ts";
import { failureOf, fencedBeforeWrite, isCut } from "./failure.ts";
import { type Keepable, KeptConnections } from "./kept-connections.ts";
import type {
  AnswerHead,
  ConnectionFacts,
  ConnectionWatcher,
  Exchange,
  ResponseHandler,
  ResponseHeaders,
  TargetOptions,
  Transport,
  TransportStats,
  WireRequest,
} from "./transport.ts";
import { type Opener, type Opening, openerTo } from "./undici-openers.ts";
import { whenWritten } from "./written.ts";

/** What an exchange needs of its transport. */
interface Books {
  readonly kept: KeptConnections<Connection>;
  /** Sends a request of which not one byte has left on another connection. */
  sendElsewhere(exchange: UndiciExchange): void;
}

/** undici's own limits, which are to decide nothing. */
const keptForMs = 600_000;
const abortedByWorker = "aborted by the worker";
const notOpened = { ends: { local: "", remote: "" } };

class Connection implements Keepable {
  readonly target: number;
  readonly isPooled: boolean;
  readonly client: Client;
  session: string | undefined;
  /** The one that was opened last. */
  socket: Socket | undefined;
  /** Opened ahead of any request; handed to the client at its first connect. */
  spare: Socket | undefined;
  /** How often a socket was asked for, spare ones not counted. */
  attempts = 0;
  isOpen = false;
  connectNs: number | undefined;
  /** Of the socket that was opened last. */
  opening: OpeningStamps | undefined;
  /** Requests that went out on the socket that is open now. */
  requests = 0;
  rest: NodeJS.Timeout | undefined;
  freeUntilNs: MonotonicNs = Number.POSITIVE_INFINITY;
  /** On its way to being open. */
  private connecting: Opening | undefined;
  /** It has had a socket. */
  private wasOpen = false;

  constructor(target: number, options: TargetOptions, connect: (connection: Connection, ...call: ConnectCall) => void) {
    this.target = target;
    this.isPooled = options.isPooled;
    this.client = new Client(options.origin, {
      connect: (...call: ConnectCall) => connect(this, ...call),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: keptForMs,
      keepAliveMaxTimeout: keptForMs,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  get isUsable(): boolean {
    return this.isOpen || (this.spare !== undefined && !this.spare.destroyed);
  }

  /** The client wants a socket: the spare one, where there is one. Returns whether it had one before. */
  beginConnect(): { readonly spare: Socket | undefined; readonly wasOpen: boolean } {
    const { spare, wasOpen } = this;
    this.spare = undefined;
    this.requests = 0;
    this.wasOpen = true;
    if (spare === undefined || spare.destroyed) return { spare: undefined, wasOpen };
    this.isOpen = true;
    this.socket = spare;
    return { spare, wasOpen };
  }

  connectingOn(connecting: Opening, stamps: OpeningStamps): void {
    this.connecting = connecting;
    this.opening = stamps;
  }

  /** For the next request on it. */
  facts(): ConnectionFacts {
    const isReused = this.requests++ > 0;
    const { opening } = this;
    const connectNs = isReused ? undefined : this.connectNs;
    return {
      isReused,
      connectNs,
      steps: connectNs === undefined ? undefined : opening?.steps,
      opened: opening ?? notOpened,
    };
  }

  /** @param socket null: it has failed */
  connected(socket: Socket | null, connectNs: number): void {
    this.connecting = undefined;
    if (socket === null) return;
    this.socket = socket;
    this.connectNs = connectNs;
    this.isOpen = true;
  }

  close(): void {
    this.spare?.destroy();
    this.connecting?.destroy(new Error(abortedByWorker));
    this.client.destroy().catch(ignoreClosing);
  }
}

type ConnectCall = [options: buildConnector.Options, callback: buildConnector.Callback];

/** One transport for all HTTP targets of a run; `targets[i]` belongs to target index i. */
export function createUndiciTransport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Transport {
  const kept = new KeptConnections<Connection>(targets);
  const openers = targets.map(openerTo);
  /** Give up the connections that are being opened ahead. */
  const opening = new Set<() => void>();

  function connect(connection: Connection, ...[options, callback]: ConnectCall): void {
    const { spare, wasOpen } = connection.beginConnect();
    // The request found a connection that was open; it was gone before the write.
    if (wasOpen) kept.replaced++;
    if (spare !== undefined) {
      // undici loses a request whose connector answers before it has returned.
      queueMicrotask(() => callback(null, spare));
      return;
    }
    const startNs = monotonicNs();
    connection.attempts++;
    const done = (...outcome: Parameters<buildConnector.Callback>): void => {
      connection.connected(outcome[1], monotonicNs() - startNs);
      if (outcome[0] === null) kept.opened++;
      callback(...outcome);
    };
    const stamps = new OpeningStamps(startNs, watcher);
    connection.connectingOn(openerOf(connection.target)(options, stamps, done as buildConnector.Callback), stamps);
  }

  function openerOf(target: number): Opener {
    const opener = openers[target];
    if (opener === undefined) throw new RangeError(`no target with index ${target}`);
    return opener;
  }

  function create(target: number, session?: string): Connection {
    const options = targets[target];
    if (options === undefined) throw new RangeError(`no target with index ${target}`);
    const connection = new Connection(target, options, connect);
    kept.add(connection, session);
    connection.client.on("disconnect", () => {
      connection.isOpen = false;
      kept.gone(connection);
    });
    return connection;
  }

  const books: Books = {
    kept,
    sendElsewhere(exchange) {
      kept.replace(exchange.connection);
      begin(exchange);
    },
  };

  function begin(exchange: UndiciExchange): void {
    const { target, session } = exchange.request;
    if (!kept.isClosed && targets[target] !== undefined) {
      exchange.start(kept.take(target, session) ?? create(target, session));
      return;
    }
    const why = kept.isClosed ? "the run's connections are closed" : `there is no target with index ${target}`;
    queueMicrotask(() => exchange.abort(requestError("unsendable", "connect", why)));
  }

  async function openOne(target: number, signal: AbortSignal): Promise<void> {
    const options = targets[target];
    if (options === undefined || kept.isClosed) return;
    const url = new URL(options.origin);
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
    const stamps = new OpeningStamps(monotonicNs(), undefined);
    const making = openerOf(target)(
      { hostname: url.hostname.replace(/^\[|\]$/g, ""), host: url.host, protocol: url.protocol, port: url.port },
      stamps,
      (error, made) => resolve(error === null ? made : undefined),
    );
    const giveUp = (): void => {
      making.destroy(new Error(abortedByWorker));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    opening.add(giveUp);
    const socket = await promise;
    signal.removeEventListener("abort", giveUp);
    opening.delete(giveUp);
    if (socket === undefined || socket.destroyed) return;
    kept.opened++;
    const connection = create(target);
    connection.spare = socket;
    connection.opening = stamps;
    const forget = (): void => {
      if (connection.spare === socket) kept.discard(connection);
    };
    socket.once("close", forget).once("end", forget).on("error", ignoreClosing);
    kept.addFree(connection);
  }

  return {
    send(request, handler) {
      const exchange = new UndiciExchange(request, handler, books);
      begin(exchange);
      return exchange;
    },
    open: (target, count, signal) => kept.openAhead(target, count, signal, () => openOne(target, signal)),
    endSession: (session) => kept.endSession(session),
    spareConnections: () => kept.spare,
    stats: (): TransportStats => ({
      connections: countOpen(kept.connections),
      opened: kept.opened,
      replaced: kept.replaced,
    }),
    close: async () => {
      for (const giveUp of opening) giveUp();
      const closing = [...kept.connections].map(({ client }) => client.destroy().catch(ignoreClosing));
      kept.close();
      await Promise.all(closing);
    },
  };
}

/** One request on one connection; translates undici's events and keeps the connection's books. */
class UndiciExchange implements Exchange, AnswerHead {
  readonly request: WireRequest;
  private readonly handler: ResponseHandler;
  private readonly books: Books;
  private current: Connection | undefined;
  /** Of the connection, when the request was given to it. */
  private attemptsBefore = 0;
  private phase: RequestErrorPhase = "connect";
  private isReused = false;
  private hasEnded = false;
  private controller: Dispatcher.DispatchController | undefined;
  private seenHeaders: ResponseHeaders = {};

  constructor(request: WireRequest, handler: ResponseHandler, books: Books) {
    this.request = request;
    this.handler = handler;
    this.books = books;
  }

  get connection(): Connection {
    if (this.current === undefined) throw new RangeError("the request has no connection");
    return this.current;
  }

  get isWritten(): boolean {
    return this.phase !== "connect" && this.current?.socket?.writableLength === 0;
  }

  start(connection: Connection): void {
    this.current = connection;
    this.attemptsBefore = connection.attempts;
    const { method = "POST", path, headers, ownHeaders, body } = this.request;
    const reset = !connection.isPooled;
    const content = method === "GET" ? null : body;
    const all = ownHeaders === undefined ? [...headers] : [...headers, ...ownHeaders];
    connection.client.dispatch({ path, method, headers: all, body: content, reset }, this as Dispatcher.DispatchHandler);
  }

  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
  }

  headers(): ResponseHeaders {
    return this.seenHeaders;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const atNs = monotonicNs();
    this.controller = controller;
    if (this.hasEnded) {
      controller.abort(new Error(abortedByWorker));
      return;
    }
    if (!this.handler.mayWrite()) {
      this.fail(atNs, fencedBeforeWrite);
      return;
    }
    this.phase = "wait";
    const { connection } = this;
    const facts = connection.facts();
    this.isReused = facts.isReused;
    this.handler.onSent(atNs, facts);
  }

  /** undici has handed all of it to the socket. */
  onRequestSent(): void {
    const { socket } = this.connection;
    if (this.hasEnded || socket === undefined) return;
    whenWritten(socket, (atNs) => {
      if (!this.hasEnded) this.handler.onWritten(atNs);
    });
  }

  onResponseStart(_controller: unknown, status: number, headers: ResponseHeaders): void {
    const atNs = monotonicNs();
    if (this.hasEnded || status < 200) return;
    this.phase = "stream";
    this.seenHeaders = headers;
    const contentType = headers["content-type"];
    this.handler.onHead(atNs, status, typeof contentType === "string" ? contentType : "", this);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    const atNs = monotonicNs();
    if (!this.hasEnded) this.handler.onBody(atNs, chunk);
  }

  onResponseEnd(): void {
    const atNs = monotonicNs();
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.books.kept.giveBack(this.connection, atNs);
    this.handler.onEnd(atNs);
  }

  onResponseError(_controller: unknown, error: unknown): void {
    const atNs: MonotonicNs = monotonicNs();
    if (this.hasEnded) return;
    // A kept connection that the target had closed, met before the write.
    if (this.phase === "connect" && this.connection.attempts === this.attemptsBefore && isCut(error)) {
      this.books.sendElsewhere(this);
      return;
    }
    const failure = failureOf(error, this.phase, this.isReused);
    if (failure.code === "stale_connection") this.books.kept.distrust(this.connection.target);
    this.fail(atNs, failure);
  }

  private fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.controller?.abort(new Error(abortedByWorker));
    if (this.current !== undefined) this.books.kept.discard(this.current);
    this.handler.onFailure(atNs, error);
  }
}

/** A connection that is being thrown away may fail while it closes; nobody waits for it any more. */
function ignoreClosing(): void {}

function countOpen(connections: ReadonlySet<Connection>): number {
  let count = 0;
  for (const connection of connections) if (connection.isOpen || connection.spare !== undefined) count++;
  return count;
}
