/** One HTTP/2 connection to a target and the requests that share it. */
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { RequestError } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { OpeningStamps } from "./connection-steps.ts";
import type { Http2Exchange } from "./http2-exchange.ts";
import type { ConnectionWatcher, TargetOptions } from "./transport.ts";
import { openTunnel, silentProxy } from "./tunnel.ts";

export interface Http2ConnectionOptions {
  readonly options: TargetOptions;
  readonly watcher: ConnectionWatcher | undefined;
  onOpen(): void;
  /** It is of no use any more. `wasIdle`: the target closed it while no request was on it. */
  onGone(wasIdle: boolean): void;
  /** The target takes fewer requests at once than wait here; this one needs another connection. */
  onOverflow(exchange: Http2Exchange): void;
}

/** Until the target has said how many requests it takes at once, and where it takes more. */
const usualStreams = 100;
/** Node's own 64 KiB make a fast target wait for every turn of a busy loop. */
const streamWindowBytes = 4 << 20;
const connectionWindowBytes = 64 << 20;
const usualPingLimitMs = 20_000;

export class Http2Connection {
  isOpen = false;
  private readonly options: Http2ConnectionOptions;
  private readonly url: URL;
  private readonly scheme: string;
  private readonly host: string;
  /** To the proxy, while there is no tunnel through it. */
  private socket: Socket | TLSSocket;
  /** Undefined: there is no tunnel through the proxy yet. */
  private session: ClientHttp2Session | undefined;
  private readonly startNs: MonotonicNs = monotonicNs();
  private readonly connectTimer: NodeJS.Timeout;
  private readonly exchanges = new Set<Http2Exchange>();
  private readonly settled = Promise.withResolvers<boolean>();
  private limit = usualStreams;
  private requests = 0;
  private readonly opening: OpeningStamps;
  private connectNs: number | undefined;
  private pinging: NodeJS.Timeout | undefined;
  private isGone = false;
  private error: unknown;

  constructor(given: Http2ConnectionOptions) {
    this.options = given;
    const { options, watcher } = given;
    this.url = new URL(options.origin);
    this.scheme = this.url.protocol.slice(0, -1);
    this.host = this.url.host;
    this.opening = new OpeningStamps(this.startNs, watcher);
    const { origin, proxy, connectTimeoutMs: limitMs } = options;
    if (proxy === undefined) {
      this.socket = openSocket(this.url, options);
      this.opening.follow(this.socket);
      this.talk();
    } else {
      const tunnel = { proxy, origin, stamps: this.opening };
      this.socket = openTunnel(tunnel, (error, socket) => (error === null ? this.onTunnel(socket) : this.onNoTunnel(error)));
    }
    this.connectTimer = setTimeout(() => {
      const hasNoTunnel = proxy !== undefined && this.session === undefined;
      const late = requestError("connect_timeout", "connect", `no connection after ${limitMs / 1000} s`);
      this.failAll(monotonicNs(), hasNoTunnel ? silentProxy({ proxy, origin }, limitMs).failure : late);
      this.close(constants.NGHTTP2_CANCEL);
    }, limitMs);
  }

  /** Requests on it or waiting for it. */
  get load(): number {
    return this.exchanges.size;
  }

  get room(): number {
    return this.isGone ? 0 : Math.max(0, this.limit - this.exchanges.size);
  }

  get hasRoom(): boolean {
    return this.room > 0;
  }

  /** The request goes out now, or as soon as the connection stands. */
  carry(exchange: Http2Exchange): void {
    this.exchanges.add(exchange);
    exchange.onOver = () => this.onOver(exchange);
    if (this.isOpen) this.write(exchange);
  }

  /** Whether it stands; resolves when it does, has failed, or was closed before. */
  opened(): Promise<boolean> {
    return this.settled.promise;
  }

  failAll(atNs: MonotonicNs, error: RequestError): void {
    for (const exchange of [...this.exchanges]) exchange.fail(atNs, error);
  }

  close(code: number): void {
    this.leave(false);
    this.isOpen = false;
    if (this.session === undefined) this.socket.destroy(new Error("the connection was closed by this side"));
    else this.session.destroy(undefined, code);
  }

  /** Resolves once nothing of it is left. */
  async gone(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, "close");
  }

  private onTunnel(socket: Socket): void {
    this.socket = socket;
    if (this.url.protocol === "https:") {
      this.socket = connectTls({ socket, ...tlsOptions(this.url, this.options.options) });
      this.opening.followTls(this.socket);
    }
    this.talk();
  }

  private onNoTunnel(error: Error): void {
    this.error = error;
    this.onClose();
  }

  /** HTTP/2 on a socket to the target, which may still be connecting. */
  private talk(): void {
    const session = connectHttp2(this.options.options.origin, {
      createConnection: () => this.socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      // In MB: what is on its way is bounded by the requests that there may be, not here.
      maxSessionMemory: 4096,
    });
    this.session = session;
    session.on("connect", () => this.onConnect());
    // The target's first word: it does speak HTTP/2, and says how many requests it takes.
    session.on("remoteSettings", ({ maxConcurrentStreams = usualStreams }) => {
      this.limit = Math.min(usualStreams, Math.max(1, maxConcurrentStreams));
      if (!this.isOpen && !this.isGone) this.onReady(session);
    });
    session.on("error", (error) => {
      this.error ??= error;
    });
    // The target takes no further request; those that are on their way it ends.
    session.on("goaway", () => this.leave(true));
    session.on("close", () => this.onClose());
    // A target that refuses a client's certificate says so when TLS stands here already, and Node's session tells nobody.
    this.socket.on("error", (error) => {
      this.error ??= error;
      this.onClose();
      this.socket.destroy();
    });
  }

  private write(exchange: Http2Exchange): void {
    if (this.session === undefined) return;
    const isReused = this.requests++ > 0;
    const connectNs = isReused ? undefined : this.connectNs;
    const { opening } = this;
    const facts = { isReused, connectNs, steps: connectNs === undefined ? undefined : opening.steps, opened: opening };
    exchange.write(this.session, this.scheme, this.host, facts);
  }

  private onConnect(): void {
    // A socket in TLS may be that of the tunnel.
    if (this.url.protocol === "https:" && "alpnProtocol" in this.socket && this.socket.alpnProtocol !== "h2") {
      this.failAll(monotonicNs(), requestError("tls", "tls", "the target does not offer HTTP/2 (ALPN h2)"));
      this.close(constants.NGHTTP2_CANCEL);
    }
  }

  private onReady(session: ClientHttp2Session): void {
    clearTimeout(this.connectTimer);
    this.connectNs = monotonicNs() - this.startNs;
    this.isOpen = true;
    session.setLocalWindowSize(connectionWindowBytes);
    this.options.onOpen();
    this.settled.resolve(true);
    const { pingMs } = this.options.options;
    if (pingMs !== undefined) this.pinging = setInterval(() => this.ping(session), pingMs);
    for (const [index, exchange] of [...this.exchanges].entries()) {
      if (index < this.limit) this.write(exchange);
      else {
        this.exchanges.delete(exchange);
        this.options.onOverflow(exchange);
      }
    }
  }

  /** Servers of gRPC count pings on a connection without calls against their client. */
  private ping(session: ClientHttp2Session): void {
    if (this.exchanges.size === 0 || session.destroyed) return;
    const { pingLimitMs = usualPingLimitMs } = this.options.options;
    const limit = setTimeout(() => {
      const silent = new Error(`the target has not answered a ping for ${pingLimitMs / 1000} s`);
      for (const exchange of [...this.exchanges]) exchange.connectionGone(monotonicNs(), silent);
      this.close(constants.NGHTTP2_CANCEL);
    }, pingLimitMs);
    session.ping(() => clearTimeout(limit));
  }

  private onOver(exchange: Http2Exchange): void {
    this.exchanges.delete(exchange);
    const isLast = this.exchanges.size === 0;
    if (isLast && (this.isGone || !this.options.options.isPooled)) this.close(constants.NGHTTP2_NO_ERROR);
  }

  private onClose(): void {
    clearTimeout(this.connectTimer);
    clearInterval(this.pinging);
    const atNs = monotonicNs();
    this.leave(true);
    this.isOpen = false;
    for (const exchange of [...this.exchanges]) exchange.connectionGone(atNs, this.error);
  }

  /** Nobody takes it any more. */
  private leave(isByTarget: boolean): void {
    if (this.isGone) return;
    this.isGone = true;
    this.settled.resolve(false);
    this.options.onGone(isByTarget && this.isOpen && this.exchanges.size === 0);
  }
}

function openSocket(url: URL, options: TargetOptions): Socket | TLSSocket {
  const { socketPath } = options;
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const place = socketPath === undefined ? { host: hostOf(url), port } : { path: socketPath };
  if (!isTls) return connectTcp({ ...place, noDelay: true });
  return connectTls({ ...place, ...tlsOptions(url, options) }).setNoDelay(true);
}

function tlsOptions(url: URL, { tls }: TargetOptions): ConnectionOptions {
  const host = hostOf(url);
  const isName = !/^[\d.]+$|:/.test(host);
  return { ALPNProtocols: ["h2"], host, ...(isName ? { servername: host } : {}), ...tls };
}

/** Without brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}
