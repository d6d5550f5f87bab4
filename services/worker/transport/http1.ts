/**
 * HTTP/1.1 without TLS over sockets of our own, the fastest path to a target: every socket reads into one static buffer, a request
 * is one write, and an answer is stamped before anything is done with it.
 */
import type { NetConnectOpts } from "node:net";
import { requestError } from "../../../endpoints/target-error.ts";
import { monotonicNs } from "../../common/clock.ts";
import { Http1Connection, Http1Exchange } from "./http1-connection.ts";
import { KeptConnections } from "./kept-connections.ts";
import { RequestWriter } from "./request-writer.ts";
import type {
  ConnectionWatcher,
  Exchange,
  ResponseHandler,
  TargetOptions,
  Transport,
  TransportStats,
  WireRequest,
} from "./transport.ts";

/** Targets that close a kept connection do so with the answer, for which connections rest, or after seconds. */
const defaultQuietMs = 1000;
const noHead = { shared: Buffer.alloc(0), rest: "" };

/** One transport for all plain HTTP targets of a run; `targets[i]` belongs to target index i. */
export function createHttp1Transport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Transport {
  const kept = new KeptConnections<Http1Connection>(targets);
  const writer = new RequestWriter(targets);
  const addresses = targets.map(addressOf);
  const quietNs = targets.map(({ quietMs = defaultQuietMs }) => 1e6 * quietMs);

  function create(target: number, session?: string): Http1Connection {
    const options = targets[target];
    const address = addresses[target];
    if (options === undefined || address === undefined) throw new RangeError(`no target with index ${target}`);
    const connection = new Http1Connection({ target, options, address, kept, watcher });
    kept.add(connection, session);
    return connection;
  }

  function begin(exchange: Http1Exchange): void {
    const { target, session } = exchange.request;
    const free = kept.take(target, session);
    const connection = free ?? create(target, session);
    connection.reserve(exchange);
    if (free === undefined) return;
    if (monotonicNs() - free.heardNs > (quietNs[target] ?? 0)) setImmediate(writeIfUsable, free, exchange);
    else free.write(exchange);
  }

  function writeIfUsable(connection: Http1Connection, exchange: Http1Exchange): void {
    if (exchange.hasEnded) return;
    if (connection.isUsable) {
      connection.write(exchange);
      return;
    }
    connection.release();
    kept.replace(connection);
    begin(exchange);
  }

  function send(request: WireRequest, handler: ResponseHandler): Exchange {
    const head = writer.headOf(request);
    const exchange = new Http1Exchange(request, typeof head === "string" ? noHead : head, handler);
    const why = kept.isClosed ? "the run's connections are closed" : head;
    if (typeof why === "string") queueMicrotask(() => exchange.abort(requestError("unsendable", "send", why)));
    else begin(exchange);
    return exchange;
  }

  return {
    send,
    open: (target, count, signal) =>
      kept.openAhead(target, count, signal, async () => {
        if (targets[target] === undefined || kept.isClosed) return;
        const connection = create(target);
        const giveUp = (): void => connection.discard();
        signal.addEventListener("abort", giveUp, { once: true });
        await connection.opened();
        signal.removeEventListener("abort", giveUp);
        if (connection.isUsable) kept.addFree(connection);
      }),
    endSession: (session) => kept.endSession(session),
    spareConnections: () => kept.spare,
    stats(): TransportStats {
      let connections = 0;
      for (const { isUsable } of kept.connections) if (isUsable) connections++;
      return { connections, opened: kept.opened, replaced: kept.replaced };
    },
    close: async () => {
      const closing = [...kept.connections];
      kept.close();
      await Promise.all(closing.map((connection) => connection.gone()));
    },
  };
}

function addressOf({ origin, socketPath, lookup }: TargetOptions): NetConnectOpts {
  if (socketPath !== undefined) return { path: socketPath };
  const { hostname, port } = new URL(origin);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port), ...(lookup && { lookup }) };
}
