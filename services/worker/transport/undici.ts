/**
 * HTTP/1.1 over undici: one `Client` per connection and `dispatch` with a raw handler, which is the cheapest path that
 * undici has. Kept connections are taken last in, first out, so that as few as needed stay warm.
 */
import type { Socket } from "node:net";
import { buildConnector, Client, type Dispatcher } from "undici";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { failureOf } from "./failure.ts";
import type { Exchange, ResponseHandler, Transport, TransportStats, WireRequest } from "./transport.ts";

export interface TargetOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** False: every request opens a connection of its own and closes it. */
  readonly isPooled: boolean;
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
  /** Opened ahead of any request; handed to the client at its first connect. */
  spare: Socket | undefined;
  isOpen: boolean;
  connectNs: number | undefined;
  /** Requests that went out on the socket that is open now. */
  requests: number;
}

const keptForMs = 600_000;

/** One transport for all HTTP targets of a run; `targets[i]` belongs to target index i. */
export function createUndiciTransport(targets: readonly TargetOptions[]): Transport {
  const free: Connection[][] = targets.map(() => []);
  const all = new Set<Connection>();
  const connectors = targets.map((target) => buildConnector({ timeout: target.connectTimeoutMs, allowH2: false, ...target.tls }));
  let opened = 0;
  let replaced = 0;
  let isClosed = false;

  function connect(connection: Connection, options: buildConnector.Options, callback: buildConnector.Callback): void {
    const spare = connection.spare;
    connection.spare = undefined;
    connection.requests = 0;
    if (spare !== undefined && !spare.destroyed) {
      connection.isOpen = true;
      // undici loses a request whose connector answers before it has returned.
      queueMicrotask(() => callback(null, spare));
      return;
    }
    const startNs = monotonicNs();
    const done = (...outcome: Parameters<buildConnector.Callback>): void => {
      if (outcome[0] === null) {
        connection.connectNs = monotonicNs() - startNs;
        connection.isOpen = true;
        opened++;
      }
      callback(...outcome);
    };
    connectorOf(connection.target)(options, done as buildConnector.Callback);
  }

  function connectorOf(target: number): buildConnector.connector {
    const connector = connectors[target];
    if (connector === undefined) throw new RangeError(`no target with index ${target}`);
    return connector;
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
    const connection: Connection = { client, target, spare, isOpen: false, connectNs, requests: 0 };
    all.add(connection);
    client.on("disconnect", () => {
      connection.isOpen = false;
    });
    return connection;
  }

  function take(target: number): Connection {
    const stack = free[target];
    for (let connection = stack?.pop(); connection !== undefined; connection = stack?.pop()) {
      if (connection.isOpen || (connection.spare !== undefined && !connection.spare.destroyed)) return connection;
      replaced++;
      discard(connection);
    }
    return create(target);
  }

  function giveBack(connection: Connection): void {
    if (isClosed || targets[connection.target]?.isPooled !== true) discard(connection);
    else free[connection.target]?.push(connection);
  }

  function discard(connection: Connection): void {
    if (!all.delete(connection)) return;
    connection.spare?.destroy();
    connection.client.destroy().catch(ignoreClosing);
  }

  function send(request: WireRequest, handler: ResponseHandler): Exchange {
    let connection: Connection;
    try {
      connection = take(request.target);
    } catch (error) {
      queueMicrotask(() => handler.onFailure(monotonicNs(), failureOf(error, "connect", false)));
      return { abort: () => {} };
    }
    const exchange = new UndiciExchange(connection, handler, giveBack, discard);
    connection.client.dispatch(
      { path: request.path, method: "POST", headers: request.headers, body: request.body },
      exchange as Dispatcher.DispatchHandler,
    );
    return exchange;
  }

  async function openOne(target: number, signal: AbortSignal): Promise<void> {
    const options = targets[target];
    if (options === undefined || isClosed) return;
    const url = new URL(options.origin);
    const startNs = monotonicNs();
    const socket = await new Promise<Socket | undefined>((resolve) => {
      connectorOf(target)(
        { hostname: url.hostname.replace(/^\[|\]$/g, ""), host: url.host, protocol: url.protocol, port: url.port },
        (error, made) => resolve(error === null ? made : undefined),
      );
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    if (socket === undefined) return;
    if (isClosed || signal.aborted) {
      socket.destroy();
      return;
    }
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

  return {
    send,
    open,
    stats: (): TransportStats => ({ connections: countOpen(all), opened, replaced }),
    close: async () => {
      isClosed = true;
      for (const connection of [...all]) discard(connection);
    },
  };
}

/** One request on one connection; translates undici's events and keeps the connection's books. */
class UndiciExchange implements Exchange {
  private readonly connection: Connection;
  private readonly handler: ResponseHandler;
  private readonly giveBack: (connection: Connection) => void;
  private readonly discard: (connection: Connection) => void;
  private phase: RequestErrorPhase = "connect";
  private isReused = false;
  private hasEnded = false;
  private controller: Dispatcher.DispatchController | undefined;

  constructor(
    connection: Connection,
    handler: ResponseHandler,
    giveBack: (connection: Connection) => void,
    discard: (connection: Connection) => void,
  ) {
    this.connection = connection;
    this.handler = handler;
    this.giveBack = giveBack;
    this.discard = discard;
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
    this.phase = "wait";
    this.isReused = this.connection.requests > 0;
    this.connection.requests++;
    this.handler.onSent(atNs, {
      isReused: this.isReused,
      connectNs: this.isReused ? undefined : this.connection.connectNs,
    });
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    const atNs = monotonicNs();
    if (this.hasEnded || status < 200) return;
    this.phase = "stream";
    const contentType = headers["content-type"];
    this.handler.onHead(atNs, status, typeof contentType === "string" ? contentType : "");
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    const atNs = monotonicNs();
    if (!this.hasEnded) this.handler.onBody(atNs, chunk);
  }

  onResponseEnd(): void {
    const atNs = monotonicNs();
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.giveBack(this.connection);
    this.handler.onEnd(atNs);
  }

  onResponseError(_controller: unknown, error: unknown): void {
    const atNs: MonotonicNs = monotonicNs();
    this.fail(atNs, failureOf(error, this.phase, this.isReused));
  }

  private fail(atNs: MonotonicNs, error: RequestError): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.controller?.abort(new Error(abortedByWorker));
    this.discard(this.connection);
    this.handler.onFailure(atNs, error);
  }
}

const abortedByWorker = "aborted by the worker";

/** A connection that is being thrown away may fail while it closes; nobody waits for it any more. */
function ignoreClosing(): void {}

function countOpen(connections: Set<Connection>): number {
  let count = 0;
  for (const connection of connections) if (connection.isOpen || connection.spare !== undefined) count++;
  return count;
}
