/** One HTTP/2 connection to a target and the requests that share it. */
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { RequestError } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import { OpeningStamps } from "./connection-steps.ts";
import type { Http2Exchange } from "./http2-exchange.ts";
import type { ConnectionWatcher, TargetOptions } from "./transport.ts";

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

export class Http2Connection {
  isOpen = false;
  private readonly options: Http2ConnectionOptions;
  private readonly url: URL;
  private readonly socket: Socket | TLSSocket;
  private readonly session: ClientHttp2Session;
  private readonly startNs: MonotonicNs = monotonicNs();
  private readonly connectTimer: NodeJS.Timeout;
  private readonly exchanges = new Set<Http2Exchange>();
  private readonly settled = Promise.withResolvers<boolean>();
  private limit = usualStreams;
  private requests = 0;
  private readonly opening: OpeningStamps;
  private connectNs: number | undefined;
  private isGone = false;
  private error: unknown;

  constructor(given: Http2ConnectionOptions) {
    this.options = given;
    const { options, watcher } = given;
    this.url = new URL(options.origin);
    this.socket = openSocket(this.url, options);
    this.opening = new OpeningStamps(this.socket, this.startNs, watcher);
    this.session = connectHttp2(options.origin, {
      createConnection: () => this.socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      // In MB: what is on its way is bounded by the requests that there may be, not here.
      maxSessionMemory: 4096,
    });
    this.session.on("connect", () => this.onConnect());
    // The target's first word: it does speak HTTP/2, and says how many requests it takes.
    this.session.on("remoteSettings", ({ maxConcurrentStreams = usualStreams }) => {
      this.limit = Math.min(usualStreams, Math.max(1, maxConcurrentStreams));
      if (!this.isOpen && !this.isGone) this.onReady();
    });
    this.session.on("error", (error) => {
      this.error ??= error;
    });
    // The target takes no further request; those that are on their way it ends.
    this.session.on("goaway", () => this.leave(true));
    this.session.on("close", () => this.onClose());
    const limitMs = options.connectTimeoutMs;
    this.connectTimer = setTimeout(() => {
      this.failAll(monotonicNs(), requestError("connect_timeout", "connect", `no connection after ${limitMs / 1000} s`));
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
    this.session.destroy(undefined, code);
  }

  /** Resolves once nothing of it is left. */
  async gone(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, "close");
  }

  private write(exchange: Http2Exchange): void {
    const isReused = this.requests++ > 0;
    const { protocol, host } = this.url;
    const connectNs = isReused ? undefined : this.connectNs;
    const { steps, ends } = this.opening;
    const facts = { isReused, connectNs, steps: connectNs === undefined ? undefined : steps, ends };
    exchange.write(this.session, protocol.slice(0, -1), host, facts);
  }

  private onConnect(): void {
    if ("alpnProtocol" in this.socket && this.socket.alpnProtocol !== "h2") {
      this.failAll(monotonicNs(), requestError("tls", "tls", "the target does not offer HTTP/2 (ALPN h2)"));
      this.close(constants.NGHTTP2_CANCEL);
    }
  }

  private onReady(): void {
    clearTimeout(this.connectTimer);
    this.connectNs = monotonicNs() - this.startNs;
    this.isOpen = true;
    this.session.setLocalWindowSize(connectionWindowBytes);
    this.options.onOpen();
    this.settled.resolve(true);
    for (const [index, exchange] of [...this.exchanges].entries()) {
      if (index < this.limit) this.write(exchange);
      else {
        this.exchanges.delete(exchange);
        this.options.onOverflow(exchange);
      }
    }
  }

  private onOver(exchange: Http2Exchange): void {
    this.exchanges.delete(exchange);
    const isLast = this.exchanges.size === 0;
    if (isLast && (this.isGone || !this.options.options.isPooled)) this.close(constants.NGHTTP2_NO_ERROR);
  }

  private onClose(): void {
    clearTimeout(this.connectTimer);
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

function openSocket(url: URL, { socketPath, tls }: TargetOptions): Socket | TLSSocket {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const place = socketPath === undefined ? { host, port } : { path: socketPath };
  if (!isTls) return connectTcp({ ...place, noDelay: true });
  const isName = !/^[\d.]+$|:/.test(host);
  return connectTls({ ...place, ALPNProtocols: ["h2"], ...(isName ? { servername: host } : {}), ...tls }).setNoDelay(true);
}
