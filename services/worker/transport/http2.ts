/**
 * HTTP/2: TLS with ALPN for https, prior knowledge for http. Requests share connections, as many as the target lets on one; another
 * connection is opened where all are full.
 */
import { requestError } from "../../../endpoints/target-error.ts";
import { monotonicNs } from "../../common/clock.ts";
import { errorCode } from "../core/http2/frames.ts";
import { Http2Connection } from "./http2-connection.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import { Http2Heads } from "./http2-heads.ts";
import type { ConnectionWatcher, ResponseHandler, TargetOptions, Transport, TransportStats, WireRequest } from "./transport.ts";

export interface Http2Transport extends Transport {
  /** As `send`, of a request whose body goes on: `more` of the exchange adds to it. */
  begin(request: WireRequest, handler: ResponseHandler): Http2Exchange;
}

const noHead = { shared: [], own: [] };

/** One transport for all targets of a run; `targets[i]` belongs to target index i. */
export function createHttp2Transport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Http2Transport {
  const heads = new Http2Heads(targets);
  /** By target; those that nobody owns. */
  const shared: Set<Http2Connection>[] = targets.map(() => new Set());
  /** By target and session. */
  const owned: Map<string, Http2Connection>[] = targets.map(() => new Map());
  const all = new Set<Http2Connection>();
  let opened = 0;
  let replaced = 0;
  let isClosed = false;

  function create(target: number, session?: string): Http2Connection {
    const options = targets[target];
    if (options === undefined) throw new RangeError(`no target with index ${target}`);
    const connection: Http2Connection = new Http2Connection({
      options,
      watcher,
      onOpen: () => opened++,
      onOverflow: (exchange) => pick(target, session).carry(exchange),
      onGone(wasIdle) {
        if (wasIdle) replaced++;
        shared[target]?.delete(connection);
        if (session !== undefined && owned[target]?.get(session) === connection) owned[target].delete(session);
      },
      onClosed: () => all.delete(connection),
    });
    all.add(connection);
    if (session !== undefined) owned[target]?.set(session, connection);
    else if (options.isPooled) shared[target]?.add(connection);
    return connection;
  }

  /** The one with the fewest requests that has room for one more. */
  function pick(target: number, session: string | undefined): Http2Connection {
    if (session !== undefined) return owned[target]?.get(session) ?? create(target, session);
    let best: Http2Connection | undefined;
    for (const connection of shared[target] ?? []) {
      if (connection.hasRoom && (best === undefined || connection.load < best.load)) best = connection;
    }
    return best ?? create(target);
  }

  function carry(request: WireRequest, handler: ResponseHandler, goesOn: boolean): Http2Exchange {
    const head = heads.headOf(request);
    const why = isClosed ? "the run's connections are closed" : head;
    const exchange = new Http2Exchange(request, typeof head === "string" ? noHead : head, handler, goesOn);
    if (typeof why === "string") queueMicrotask(() => exchange.abort(requestError("unsendable", "send", why)));
    else pick(request.target, request.session).carry(exchange);
    return exchange;
  }

  return {
    send: (request, handler) => carry(request, handler, false),
    begin: (request, handler) => carry(request, handler, true),
    async open(target, count, signal) {
      if (targets[target] === undefined || isClosed) return;
      let room = 0;
      for (const connection of shared[target] ?? []) room += connection.room;
      while (room < count && !signal.aborted && !isClosed) {
        const connection = create(target);
        const giveUp = (): void => connection.close(errorCode.cancel);
        signal.addEventListener("abort", giveUp, { once: true });
        const isOpen = await connection.opened();
        signal.removeEventListener("abort", giveUp);
        if (!isOpen) return;
        room += connection.room;
      }
    },
    endSession(session) {
      for (const connections of owned) connections.get(session)?.close(errorCode.none);
    },
    // Requests share them: none is kept for one.
    spareConnections: () => 0,
    stats(): TransportStats {
      let connections = 0;
      for (const { isOpen } of all) if (isOpen) connections++;
      return { connections, opened, replaced };
    },
    close: async () => {
      isClosed = true;
      const failure = requestError("reset", "wait", "the connection was closed by this side");
      await Promise.all(
        [...all].map(async (connection) => {
          connection.failAll(monotonicNs(), failure);
          connection.close(errorCode.cancel);
          await connection.gone();
        }),
      );
    },
  };
}
