/**
 * HTTP/1.1 over undici: one `Client` per connection and `dispatch` with a raw handler, which is the cheapest path that
 * undici has. Kept connections are taken last in, first out, so that as few as needed stay warm.
 */
import type { Socket } from "node:net";
import { buildConnector, Client, type Dispatcher } from "undici";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { failureOf, isCut } from "./failure.ts";
import type {
  ConnectionWatcher,
  Exchange,
  ResponseHandler,
  ResponseHeaders,
  Transport,
  TransportStats,
  WireRequest,
} from "./transport.ts";

export interface TargetOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** False: every request opens a connection of its own and closes it. */
  readonly isPooled: boolean;
  /** How long a connection rests after an answer while the target has not been seen to keep one for so long. Default: 0, no rest. */
  readonly restMs?: number;
  /** A connection that nobody has used for longer is closed instead of used again. Default: 4 s. */
  readonly idleMs?: number;
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
}

interface Connection {
  readonly client: Client;
  readonly target: number;
  /** False: for one request, which says so to the target. */
  readonly isPooled: boolean;
  /** Whose it is alone; undefined: anybody's. */
  session: string | undefined;
  /** Opened ahead of any request; handed to the client at its first connect. */
  spare: Socket | undefined;
  /** On its way to being open. */
  connecting: Socket | undefined;
  /** The one that was opened last. */
  socket: Socket | undefined;
  /** How often a socket was asked for, spare ones not counted. */
  attempts: number;
  /** It has had a socket. */
  wasOpen: boolean;
  isOpen: boolean;
  connectNs: number | undefined;
  /** Requests that went out on the socket that is open now. */
  requests: number;
  /** Runs while it rests after an answer. */
  rest: NodeJS.Timeout | undefined;
  /** The end of its last answer; Infinity before the first one. */
  freeSinceNs: MonotonicNs;
}

/**
 * What is known of a target's kept connections. Some servers promise to keep one and close it with the end of the answer (llama.cpp's
 * after every streamed one); the close comes a moment after the last byte, when the next request would be on its way. So connections
 * rest after an answer until one has outlived its rest; a target that cuts a request later has to be seen again, for longer.
 */
interface KeepAlive {
  isProven: boolean;
  restMs: number;
}

/** What an exchange needs of its transport. */
interface Books {
  giveBack(connection: Connection, atNs: MonotonicNs): void;
  discard(connection: Connection): void;
  /** The target has closed a kept connection under a request. */
  distrust(target: number): void;
  /** Sends a request of which not one byte has left on another connection. */
  sendElsewhere(exchange: UndiciExchange): void;
}

/**
 * uvicorn, the front end of many inference servers, and Node close a connection 5 s after its last answer. A request that is on its
 * way at that moment is lost, so that connections are given up before.
 */
const defaultIdleMs = 4000;
/** undici's own limits, which are to decide nothing. */
const keptForMs = 600_000;
const longestRestMs = 1280;

/** One transport for all HTTP targets of a run; `targets[i]` belongs to target index i. */
export function createUndiciTransport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Transport {
  const free: Connection[][] = targets.map(() => []);
  const all = new Set<Connection>();
  /** By target and session. */
  const owned = targets.map(() => new Map<string, Connection>());
  const keepAlive: KeepAlive[] = targets.map(({ restMs = 0 }) => ({ isProven: restMs === 0, restMs }));
  const connectors = targets.map((target) => buildConnector({ timeout: target.connectTimeoutMs, allowH2: false, ...target.tls }));
  /** Give up the connections that are being opened ahead. */
  const opening = new Set<() => void>();
  let opened = 0;
  let replaced = 0;
  let isClosed = false;

  function connect(connection: Connection, options: buildConnector.Options, callback: buildConnector.Callback): void {
    const spare = connection.spare;
    connection.spare = undefined;
    connection.requests = 0;
    // The request found a connection that was open; it was gone before the write.
    if (connection.wasOpen) replaced++;
    connection.wasOpen = true;
    if (spare !== undefined && !spare.destroyed) {
      connection.isOpen = true;
      connection.socket = spare;
      // undici loses a request whose connector answers before it has returned.
      queueMicrotask(() => callback(null, spare));
      return;
    }
    const startNs = monotonicNs();
    connection.attempts++;
    const done = (...outcome: Parameters<buildConnector.Callback>): void => {
      connection.connecting = undefined;
      if (outcome[0] === null) {
        connection.connectNs = monotonicNs() - startNs;
        connection.isOpen = true;
        connection.socket = outcome[1];
        opened++;
      }
      callback(...outcome);
    };
    connection.connecting = connectorOf(connection.target)(options, done as buildConnector.Callback);
    if (watcher !== undefined) watchSteps(connection.connecting, startNs, watcher);
  }

  function connectorOf(target: number): SocketConnector {
    const connector = connectors[target];
    if (connector === undefined) throw new RangeError(`no target with index ${target}`);
    // It returns the socket that it opens, which its types do not say.
    return connector as unknown as SocketConnector;
  }

  function create(target: number, spare?: Socket, connectNs?: number): Connection {
    const options = targets[target];
    if (options === undefined) throw new RangeError(`no target with index ${target}`);
    const client = new Client(options.origin, {
      connect: (connectOptions, callback) => connect(connection, connectOptions, callback),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: keptForMs,
      keepAliveMaxTimeout: keptForMs,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const connection: Connection = {
      client,
      target,
      isPooled: options.isPooled,
      session: undefined,
      spare,
      connecting: undefined,
      socket: undefined,
      attempts: 0,
      wasOpen: false,
      isOpen: false,
      connectNs,
      requests: 0,
      rest: undefined,
      freeSinceNs: Number.POSITIVE_INFINITY,
    };
    all.add(connection);
    client.on("disconnect", () => {
      connection.isOpen = false;
      if (connection.rest === undefined) return;
      replaced++;
      discard(connection);
    });
    return connection;
  }

  function take(target: number): Connection {
    const stack = free[target];
    const longestIdleNs = 1e6 * (targets[target]?.idleMs ?? defaultIdleMs);
    const nowNs = monotonicNs();
    for (let connection = stack?.pop(); connection !== undefined; connection = stack?.pop()) {
      const isIdle = nowNs - connection.freeSinceNs > longestIdleNs;
      const isUsable = connection.isOpen || (connection.spare !== undefined && !connection.spare.destroyed);
      if (isUsable && !isIdle) return connection;
      if (!isUsable) replaced++;
      discard(connection);
    }
    return create(target);
  }

  /** A session that finds its connection closed by the target goes on with another one. */
  function takeOwn(target: number, session: string): Connection {
    const own = owned[target]?.get(session);
    if (own !== undefined) {
      if (own.isOpen) return own;
      replaced++;
      discard(own);
    }
    const connection = take(target);
    connection.session = session;
    owned[target]?.set(session, connection);
    return connection;
  }

  function giveBack(connection: Connection, atNs: MonotonicNs): void {
    const kept = keepAlive[connection.target];
    connection.freeSinceNs = atNs;
    if (isClosed || !connection.isPooled || kept === undefined) discard(connection);
    else if (connection.session !== undefined) return;
    else if (kept.isProven) free[connection.target]?.push(connection);
    // The loop looks at its sockets once more after the timer: a close that came while this process did not run counts too.
    else connection.rest = setTimeout(() => setImmediate(endRest, connection, kept), kept.restMs);
  }

  function endRest(connection: Connection, kept: KeepAlive): void {
    if (!all.has(connection)) return;
    connection.rest = undefined;
    kept.isProven = true;
    if (isClosed) discard(connection);
    else free[connection.target]?.push(connection);
  }

  function discard(connection: Connection): void {
    if (!all.delete(connection)) return;
    if (connection.session !== undefined) owned[connection.target]?.delete(connection.session);
    clearTimeout(connection.rest);
    connection.spare?.destroy();
    connection.connecting?.destroy(new Error(abortedByWorker));
    connection.client.destroy().catch(ignoreClosing);
  }

  const books: Books = {
    giveBack,
    discard,
    distrust(target) {
      const kept = keepAlive[target];
      if (kept?.isProven !== true || kept.restMs === 0) return;
      kept.isProven = false;
      kept.restMs = Math.min(longestRestMs, 4 * kept.restMs);
    },
    sendElsewhere(exchange) {
      replaced++;
      discard(exchange.connection);
      begin(exchange);
    },
  };

  function begin(exchange: UndiciExchange): void {
    const { target, session } = exchange.request;
    if (!isClosed && targets[target] !== undefined) {
      exchange.start(session === undefined ? take(target) : takeOwn(target, session));
      return;
    }
    const why = isClosed ? "the run's connections are closed" : `there is no target with index ${target}`;
    queueMicrotask(() => exchange.abort(requestError("unsendable", "connect", why)));
  }

  function send(request: WireRequest, handler: ResponseHandler): Exchange {
    const exchange = new UndiciExchange(request, handler, books);
    begin(exchange);
    return exchange;
  }

  async function openOne(target: number, signal: AbortSignal): Promise<void> {
    const options = targets[target];
    if (options === undefined || isClosed) return;
    const url = new URL(options.origin);
    const startNs = monotonicNs();
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
    const making = connectorOf(target)(
      { hostname: url.hostname.replace(/^\[|\]$/g, ""), host: url.host, protocol: url.protocol, port: url.port },
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
    opened++;
    const connection = create(target, socket, monotonicNs() - startNs);
    const forget = (): void => {
      if (connection.spare === socket) discard(connection);
    };
    socket.once("close", forget).once("end", forget).on("error", ignoreClosing);
    free[target]?.push(connection);
  }

  async function open(target: number, count: number, signal: AbortSignal): Promise<void> {
    const missing = count - (free[target]?.length ?? 0);
    const atOnce = 64;
    for (let left = missing; left > 0 && !signal.aborted; left -= atOnce) {
      await Promise.all(Array.from({ length: Math.min(left, atOnce) }, () => openOne(target, signal)));
    }
  }

  function endSession(session: string): void {
    for (const connections of owned) {
      const connection = connections.get(session);
      if (connection !== undefined) discard(connection);
    }
  }

  return {
    send,
    open,
    endSession,
    stats: (): TransportStats => ({ connections: countOpen(all), opened, replaced }),
    close: async () => {
      isClosed = true;
      for (const giveUp of opening) giveUp();
      const closing = [...all].map(({ client }) => client.destroy().catch(ignoreClosing));
      for (const connection of [...all]) discard(connection);
      await Promise.all(closing);
    },
  };
}

/** One request on one connection; translates undici's events and keeps the connection's books. */
class UndiciExchange implements Exchange {
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
    const { method = "POST", path, headers, body } = this.request;
    const reset = !connection.isPooled;
    const content = method === "GET" ? null : body;
    connection.client.dispatch({ path, method, headers, body: content, reset }, this as Dispatcher.DispatchHandler);
  }

  abort(error: RequestError): void {
    this.fail(monotonicNs(), error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const atNs = monotonicNs();
    this.controller = controller;
    if (this.hasEnded) {
      controller.abort(new Error(abortedByWorker));
      return;
    }
    if (!this.handler.mayWrite()) {
      this.fail(atNs, requestError("fenced", "send", "the worker's lease was over before the request was written"));
      return;
    }
    this.phase = "wait";
    const { connection } = this;
    this.isReused = connection.requests > 0;
    connection.requests++;
    this.handler.onSent(atNs, { isReused: this.isReused, connectNs: this.isReused ? undefined : connection.connectNs });
  }

  onResponseStart(_controller: unknown, status: number, headers: ResponseHeaders): void {
    const atNs = monotonicNs();
    if (this.hasEnded || status < 200) return;
    this.phase = "stream";
    const contentType = headers["content-type"];
    this.handler.onHead(atNs, status, typeof contentType === "string" ? contentType : "", headers);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    const atNs = monotonicNs();
    if (!this.hasEnded) this.handler.onBody(atNs, chunk);
  }

  onResponseEnd(): void {
    const atNs = monotonicNs();
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.books.giveBack(this.connection, atNs);
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
    if (failure.code === "stale_connection") this.books.distrust(this.connection.target);
    this.fail(atNs, failure);
  }

  private fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.controller?.abort(new Error(abortedByWorker));
    if (this.current !== undefined) this.books.discard(this.current);
    this.handler.onFailure(atNs, error);
  }
}

const abortedByWorker = "aborted by the worker";

type SocketConnector = (...call: Parameters<buildConnector.connector>) => Socket;

function watchSteps(socket: Socket, startNs: MonotonicNs, watcher: ConnectionWatcher): void {
  watcher.onStep("start", startNs, "");
  // An address that needs no resolving says nothing; a name with several addresses says so for each.
  socket.prependOnceListener("lookup", (error: Error | null | undefined) => {
    if (error === null || error === undefined) watcher.onStep("resolved", monotonicNs(), "");
  });
  const addressOf = (): string => {
    const { remoteAddress = "", remotePort = 0 } = socket;
    return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
  };
  // Before undici's own listeners, which write the request.
  socket.prependOnceListener("connect", () => watcher.onStep("connected", monotonicNs(), addressOf()));
  socket.prependOnceListener("secureConnect", () => watcher.onStep("secured", monotonicNs(), addressOf()));
}

/** A connection that is being thrown away may fail while it closes; nobody waits for it any more. */
function ignoreClosing(): void {}

function countOpen(connections: Set<Connection>): number {
  let count = 0;
  for (const connection of connections) if (connection.isOpen || connection.spare !== undefined) count++;
  return count;
}
