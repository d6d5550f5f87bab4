/** How undici's connections are opened: straight to the target, or through its proxy. */
import type { Socket } from "node:net";
import { buildConnector } from "undici";
import { requestError } from "../../../endpoints/target-error.ts";
import type { OpeningStamps } from "./connection-steps.ts";
import { ProxyFailure } from "./failure.ts";
import type { ProxyOptions, TargetOptions } from "./transport.ts";
import { openTunnel, silentProxy } from "./tunnel.ts";

/** A connection on its way. */
export interface Opening {
  /** Gives up: `done` is called with the error. */
  destroy(error: Error): void;
}

/** Begins to open a connection, within the target's limit of time; `done` is called once, later. */
export type Opener = (place: buildConnector.Options, stamps: OpeningStamps, done: buildConnector.Callback) => Opening;

/** To one target. */
export function openerTo(target: TargetOptions): Opener {
  return target.proxy === undefined ? straightTo(target) : throughProxy(target, target.proxy);
}

function straightTo({ connectTimeoutMs, socketPath, lookup, tls }: TargetOptions): Opener {
  const socket = socketPath === undefined ? {} : { socketPath };
  const connect = connectorOf({ timeout: connectTimeoutMs, allowH2: false, ...socket, ...(lookup && { lookup }), ...tls });
  return (place, stamps, done) => {
    const socket = connect(place, done);
    stamps.follow(socket);
    return socket;
  };
}

function throughProxy({ origin, connectTimeoutMs, tls }: TargetOptions, proxy: ProxyOptions): Opener {
  const secure = connectorOf({ timeout: 0, allowH2: false, ...tls });
  const late = requestError("connect_timeout", "connect", `no connection after ${connectTimeoutMs / 1000} s`);
  return (place, stamps, done) => {
    let isTunnelled = false;
    const giveUp = (): void => {
      current.destroy(isTunnelled ? new ProxyFailure(late) : silentProxy({ proxy, origin }, connectTimeoutMs));
    };
    const timer = setTimeout(giveUp, connectTimeoutMs);
    const finish = ((...outcome: Parameters<buildConnector.Callback>) => {
      clearTimeout(timer);
      done(...outcome);
    }) as buildConnector.Callback;
    let current: Socket = openTunnel({ proxy, origin, stamps }, (error, socket) => {
      if (error !== null) finish(error, null);
      else if (place.protocol !== "https:") finish(null, socket);
      else {
        isTunnelled = true;
        current = secure({ ...place, httpSocket: socket }, finish);
        stamps.followTls(current);
      }
    });
    return { destroy: (error) => current.destroy(error) };
  };
}

/** undici's own connector. It returns the socket that it opens, which its types do not say. */
function connectorOf(options: buildConnector.BuildOptions): (...call: Parameters<buildConnector.connector>) => Socket {
  return buildConnector(options) as unknown as (...call: Parameters<buildConnector.connector>) => Socket;
}
