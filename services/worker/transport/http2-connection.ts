/** One HTTP/2 connection to a target and the requests that share it. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { RequestError } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { errorCode } from "../core/http2/frames.ts";
import { OpeningStamps } from "./connection-steps.ts";
import type { Carrier, Http2Exchange } from "./http2-exchange.ts";
import { Http2Session, type SessionHandler } from "./http2-session.ts";
import type { ConnectionWatcher, TargetOptions } from "./transport.ts";
import { openTunnel, silentProxy } from "./tunnel.ts";

export interface Http2ConnectionOptions {
  readonly options: TargetOptions;
  readonly watcher: ConnectionWatcher | undefined;
  onOpen(): void;
  /** It takes no further request. `wasIdle`: the target closed it while no request was on it. */
  onGone(wasIdle: boolean): void;
  /** Nothing of it is left. */
  onClosed(): void;
  /** The target takes fewer requests at once than wait here; this one needs another connection. */
  onOverflow(exchange: Http2Exchange): void;
}

/** Until the target has said how many requests it takes at once, and where it takes more. */
const usualStreams = 100;
const usualPingLimitMs = 20_000;
/** For a target that does not take this side's goodbye. */
const closesWithinMs = 1000;
/** All sockets of this process read into it, one after the other; what is in it is handed on before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

export class Http2Connection implements SessionHandler {
  isOpen = false;
  private readonly options: Http2ConnectionOptions;
  private readonly url: URL;
  /** To the proxy, while there is no tunnel through it. */
  private socket: Socket | TLSSocket;
  /** Undefined: there is no tunnel through the proxy yet. */
  private session: Http2Session | undefined;
  private readonly startNs: MonotonicNs = monotonicNs();
  private readonly connectTimer: NodeJS.Timeout;
  private readonly exchanges = new Set<Http2Exchange>();
  private readonly settled = Promise.withResolvers<boolean>();
  private limit = usualStreams;
  /** Of the first request, and of all others. */
  private first: Carrier | undefined;
  private further: Carrier | undefined;
  private readonly opening: OpeningStamps;
  private connectNs: number | undefined;
  private pinging: NodeJS.Timeout | undefined;
  /** Runs while a ping is not answered. */
  private silence: NodeJS.Timeout | undefined;
  /** What the target had to say when it left. */
  private farewell: string | undefined;
  private isGone = false;
  private hasBegun = false;
  private error: unknown;

  constructor(given: Http2ConnectionOptions) {
    this.options = given;
    const { options, watcher } = given;
    this.url = new URL(options.origin);
    this.opening = new OpeningStamps(this.startNs, watcher);
    const { origin, proxy, connectTimeoutMs: limitMs } = options;
    if (proxy === undefined) {
      this.socket = openSocket(this.url, options, (sizeBytes) => this.onRead(readBuffer, sizeBytes));
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
      this.close(errorCode.cancel);
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
    if (this.session === undefined || !this.hasBegun) this.socket.destroy();
    else this.session.close(code);
  }

  /** Resolves once nothing of it is left. */
  async gone(): Promise<void> {
    if (this.socket.closed) return;
    const late = setTimeout(() => this.socket.destroy(), closesWithinMs);
    await once(this.socket, "close");
    clearTimeout(late);
  }

  private onTunnel(socket: Socket): void {
    this.socket = socket;
    if (this.url.protocol === "https:") {
      this.socket = connectTls({ socket, ...tlsOptions(this.url, this.options.options) });
      this.opening.followTls(this.socket);
    }
    this.socket.on("data", (bytes: Buffer) => this.onRead(bytes, bytes.length));
    this.talk();
    if (this.socket === socket) this.onConnect();
  }

  private onNoTunnel(error: Error): void {
    this.error = error;
    this.onClose();
    this.options.onClosed();
  }

  /** HTTP/2 on a socket to the target, which may still be connecting. */
  private talk(): void {
    const { socket } = this;
    this.session = new Http2Session(socket, this);
    socket.once("encrypted" in socket ? "secureConnect" : "connect", () => this.onConnect());
    socket.on("end", () => {
      this.onClose();
      // What it has not read yet it would keep this end open for.
      socket.destroy();
    });
    socket.on("close", () => {
      this.onClose();
      this.options.onClosed();
    });
    socket.on("error", (error) => {
      this.error ??= error;
      this.onClose();
      socket.destroy();
    });
  }

  private onConnect(): void {
    const { socket, session } = this;
    // A socket in TLS may be that of the tunnel.
    if (this.url.protocol === "https:" && "alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
      this.failAll(monotonicNs(), requestError("tls", "tls", "the target does not offer HTTP/2 (ALPN h2)"));
      this.close(errorCode.cancel);
      return;
    }
    this.hasBegun = true;
    session?.begin();
  }

  private onRead(bytes: Buffer, sizeBytes: number): boolean {
    this.session?.read(monotonicNs(), bytes, 0, sizeBytes);
    return true;
  }

  private write(exchange: Http2Exchange): void {
    const { session, opening, connectNs } = this;
    if (session === undefined) return;
    if (this.first === undefined) {
      const steps = connectNs === undefined ? undefined : opening.steps;
      this.first = { session, facts: { isReused: false, connectNs, steps, opened: opening } };
      exchange.write(this.first);
      return;
    }
    this.further ??= { session, facts: { isReused: true, connectNs: undefined, steps: undefined, opened: opening } };
    exchange.write(this.further);
    if (session.isExhausted) this.leave(false);
  }

  /** The target's first word is its settings: it does speak HTTP/2, and says how many requests it takes. */
  onSettings(maxStreams: number | undefined): void {
    if (maxStreams !== undefined || !this.isOpen) this.limit = Math.min(usualStreams, Math.max(1, maxStreams ?? usualStreams));
    if (!this.isOpen && !this.isGone) this.onReady();
  }

  /** Those that are on their way it ends. */
  onGoaway(words: string | undefined): void {
    this.farewell = words;
    this.leave(true);
    if (this.exchanges.size === 0) this.close(errorCode.none);
  }

  onWrong(atNs: MonotonicNs, message: string): void {
    const words = `what the target says is not HTTP/2: ${message}`;
    this.failAll(atNs, this.isOpen ? requestError("parse", "parse", words) : requestError("connect_failed", "connect", words));
    this.leave(false);
    this.isOpen = false;
  }

  private onReady(): void {
    clearTimeout(this.connectTimer);
    this.connectNs = monotonicNs() - this.startNs;
    this.isOpen = true;
    this.options.onOpen();
    this.settled.resolve(true);
    const { pingMs } = this.options.options;
    if (pingMs !== undefined) this.pinging = setInterval(() => this.ping(), pingMs);
    for (const [index, exchange] of [...this.exchanges].entries()) {
      if (index < this.limit) this.write(exchange);
      else {
        this.exchanges.delete(exchange);
        this.options.onOverflow(exchange);
      }
    }
  }

  /** Servers of gRPC count pings on a connection without calls against their client. */
  private ping(): void {
    if (this.exchanges.size === 0 || this.silence !== undefined) return;
    const { pingLimitMs = usualPingLimitMs } = this.options.options;
    this.silence = setTimeout(() => {
      const silent = new Error(`the target has not answered a ping for ${pingLimitMs / 1000} s`);
      for (const exchange of [...this.exchanges]) exchange.connectionGone(monotonicNs(), silent);
      this.close(errorCode.cancel);
    }, pingLimitMs);
    this.session?.ping(() => {
      clearTimeout(this.silence);
      this.silence = undefined;
    });
  }

  private onOver(exchange: Http2Exchange): void {
    this.exchanges.delete(exchange);
    const isLast = this.exchanges.size === 0;
    if (isLast && (this.isGone || !this.options.options.isPooled)) this.close(errorCode.none);
  }

  private onClose(): void {
    clearTimeout(this.connectTimer);
    clearInterval(this.pinging);
    clearTimeout(this.silence);
    const atNs = monotonicNs();
    this.leave(true);
    this.isOpen = false;
    for (const exchange of [...this.exchanges]) exchange.connectionGone(atNs, this.error, this.farewell);
  }

  /** Nobody takes it any more. */
  private leave(isByTarget: boolean): void {
    if (this.isGone) return;
    this.isGone = true;
    this.settled.resolve(false);
    this.options.onGone(isByTarget && this.isOpen && this.exchanges.size === 0);
  }
}

/** @param read told of bytes in `readBuffer` */
function openSocket(url: URL, options: TargetOptions, read: (sizeBytes: number) => boolean): Socket | TLSSocket {
  const { socketPath, lookup } = options;
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const place = socketPath === undefined ? { host: hostOf(url), port, ...(lookup && { lookup }) } : { path: socketPath };
  const onread = { buffer: readBuffer, callback: read };
  if (!isTls) return connectTcp({ ...place, noDelay: true, onread });
  // Node's types do not know that TLS takes it, too.
  const secure: ConnectionOptions & { onread: typeof onread } = { ...place, ...tlsOptions(url, options), onread };
  return connectTls(secure).setNoDelay(true);
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
