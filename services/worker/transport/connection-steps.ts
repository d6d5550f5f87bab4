/** How a socket that is being opened comes along: told to a watcher, and kept for the first request on it. */
import type { Socket } from "node:net";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import type { ConnectionEnds, ConnectionWatcher, OpeningSteps } from "./transport.ts";

/** Of one connection. Its sockets are followed right after they were made, before the transport's own listeners, which write the request. */
export class OpeningStamps {
  private readonly startNs: MonotonicNs;
  private readonly watcher: ConnectionWatcher | undefined;
  private socket: Socket | undefined;
  private resolvedNs: MonotonicNs | undefined;
  private connectedNs: MonotonicNs | undefined;
  private securedNs: MonotonicNs | undefined;
  private knownEnds: ConnectionEnds | undefined;

  constructor(startNs: MonotonicNs, watcher: ConnectionWatcher | undefined) {
    this.startNs = startNs;
    this.watcher = watcher;
    watcher?.onStep("start", startNs, "");
  }

  /** A socket to the target, with or without TLS. */
  follow(socket: Socket): void {
    this.followName(socket);
    socket.prependOnceListener("connect", () => this.connected(monotonicNs()));
    if ("encrypted" in socket) this.followTls(socket);
  }

  /** A socket to a proxy: the target is reached when `connected` says so, and the name resolved is the proxy's. */
  followToProxy(socket: Socket): void {
    this.followName(socket);
  }

  /** TLS with the target. */
  followTls(socket: Socket): void {
    socket.prependOnceListener("secureConnect", () => this.secured(monotonicNs()));
  }

  /** As far as it came. */
  get steps(): OpeningSteps {
    const { startNs, resolvedNs, connectedNs, securedNs } = this;
    const since = (fromNs: number | undefined, toNs: number | undefined): number | undefined =>
      fromNs === undefined || toNs === undefined ? undefined : toNs - fromNs;
    return {
      dnsNs: since(startNs, resolvedNs),
      tcpNs: since(resolvedNs ?? startNs, connectedNs),
      tlsNs: since(connectedNs, securedNs),
    };
  }

  /** Of a socket that stands; behind a proxy the far end is the proxy's. Asks the kernel once. */
  get ends(): ConnectionEnds {
    const { socket } = this;
    this.knownEnds ??= {
      local: addressOf(socket?.localAddress, socket?.localPort),
      remote: addressOf(socket?.remoteAddress, socket?.remotePort),
    };
    return this.knownEnds;
  }

  /** The target can be spoken to, in TLS where it wants that. */
  connected(atNs: MonotonicNs): void {
    this.connectedNs = atNs;
    this.watcher?.onStep("connected", atNs, this.ends.remote);
  }

  private followName(socket: Socket): void {
    this.socket = socket;
    // An address that needs no resolving says nothing; a name with several addresses says so for each.
    const onLookup = (error: Error | null | undefined): void => {
      if (error === null || error === undefined) this.resolved(monotonicNs());
    };
    socket.prependOnceListener("lookup", onLookup);
    socket.prependOnceListener("connect", () => socket.off("lookup", onLookup));
  }

  private resolved(atNs: MonotonicNs): void {
    this.resolvedNs = atNs;
    this.watcher?.onStep("resolved", atNs, "");
  }

  private secured(atNs: MonotonicNs): void {
    this.securedNs = atNs;
    this.watcher?.onStep("secured", atNs, this.ends.remote);
  }
}

/** A Unix socket has none. */
function addressOf(address = "", port = 0): string {
  if (address === "") return "";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
