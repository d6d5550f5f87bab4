/** Connections through an HTTP proxy: one to the proxy, and CONNECT on it. What is spoken with the target, its TLS included, follows. */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { proxyRefusal } from "../../../endpoints/proxy.ts";
import { bodyWords, requestError } from "../../../endpoints/target-error.ts";
import { monotonicNs } from "../../common/clock.ts";
import { version } from "../../common/version.ts";
import type { OpeningStamps } from "./connection-steps.ts";
import { ProxyFailure, proxyFailure } from "./failure.ts";
import type { ProxyOptions } from "./transport.ts";

export interface TunnelOptions {
  readonly proxy: ProxyOptions;
  /** Of the target. */
  readonly origin: string;
  /** Told of the steps; connected is who has the proxy's consent. */
  readonly stamps: OpeningStamps;
}

/** An answer to CONNECT whose head is longer is none. */
const maxHeadBytes = 64 << 10;
/** Of what a proxy says when it refuses. */
const maxWordsBytes = 16 << 10;
/** What a proxy that refuses has not said by then is not waited for. */
const wordsMs = 1000;
const keepAliveMs = 60_000;

/**
 * Begins to open a tunnel and returns the socket to the proxy; destroying it with an error gives up. `done` is called once, later:
 * with that socket, on which the target is spoken to from then on, or with the error. How long it may take is the caller's.
 */
export function openTunnel(
  { proxy, origin, stamps }: TunnelOptions,
  done: (...outcome: [error: null, socket: Socket] | [error: Error, socket: null]) => void,
): Socket {
  const authority = authorityOf(origin);
  const socket = connectTo(proxy);
  const answer = new ConnectAnswer();
  let wordsTimer: NodeJS.Timeout | undefined;
  stamps.followToProxy(socket);

  const settle = (error: Error | null): void => {
    clearTimeout(wordsTimer);
    socket.off("readable", onReadable).off("end", onEnd).off("close", onEnd).off("error", onError);
    // It may be cut while nobody listens yet.
    socket.on("error", ignoreError);
    if (error === null) {
      done(null, socket);
      return;
    }
    socket.destroy();
    done(error, null);
  };
  const refuse = (): void => settle(new ProxyFailure(proxyRefusal(proxy.shown, authority, answer.status, answer.words)));
  const unreachable = (what: string): void => settle(unreachableProxy(`the proxy ${proxy.shown} ${what}`));
  // A proxy that refuses may cut the connection behind its words.
  const onError = (error: Error): void => (answer.status > 0 ? refuse() : settle(proxyFailure(error, proxy.shown)));
  const onEnd = (): void => {
    if (answer.status > 0) refuse();
    else unreachable(`closed the connection before its answer to CONNECT ${authority}`);
  };
  const onReadable = (): void => {
    const atNs = monotonicNs();
    for (let bytes: Buffer | null = socket.read(); bytes !== null; bytes = socket.read()) answer.add(bytes);
    if (answer.isStranger) {
      unreachable(`answered CONNECT ${authority} with what is not HTTP/1.1: ${bodyWords(answer.rest)}`);
    } else if (answer.isConsent) {
      stamps.connected(atNs);
      // The target may speak first.
      if (answer.rest.length > 0) socket.unshift(answer.rest);
      settle(null);
    } else if (answer.isWhole) refuse();
    else if (answer.status > 0) wordsTimer ??= setTimeout(refuse, wordsMs);
  };
  socket.on("readable", onReadable).on("end", onEnd).on("close", onEnd).on("error", onError);
  socket.once(proxy.isSecure ? "secureConnect" : "connect", () => socket.write(requestFor(authority, proxy)));
  return socket;
}

/** A proxy that there is no tunnel through after so long. */
export function silentProxy({ proxy, origin }: Omit<TunnelOptions, "stamps">, limitMs: number): ProxyFailure {
  return unreachableProxy(`no tunnel through the proxy ${proxy.shown} to ${authorityOf(origin)} after ${limitMs / 1000} s`);
}

function unreachableProxy(message: string): ProxyFailure {
  return new ProxyFailure(requestError("proxy_unreachable", "connect", message));
}

function connectTo({ host, port, isSecure, ca, lookup }: ProxyOptions): Socket {
  const alive = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs };
  const place = { host, port, ...alive, ...(lookup && { lookup }) };
  if (!isSecure) return connectTcp(place);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...place, ...name, ALPNProtocols: ["http/1.1"], ...(ca === undefined ? {} : { ca }) }).setNoDelay(true);
}

function requestFor(authority: string, { authorization }: ProxyOptions): string {
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  const who = `User-Agent: assay/${version}\r\nProxy-Connection: Keep-Alive\r\n${credentials}`;
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${who}\r\n`;
}

/** Host and port, always both. */
function authorityOf(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}

/** What a proxy answers to CONNECT, as far as it came. */
class ConnectAnswer {
  /** 0: not known yet. */
  status = 0;
  /** Behind the head; all of it while there is no head. */
  rest: Buffer = Buffer.alloc(0);
  /** It is no answer of HTTP/1.1. */
  isStranger = false;
  /** Of the body of a refusal; infinite: up to the end of the connection. */
  private lengthBytes = Number.POSITIVE_INFINITY;
  private isChunked = false;

  get isConsent(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Of a refusal: nothing more is to be expected, or wanted. */
  get isWhole(): boolean {
    if (this.status === 0) return false;
    return this.rest.length >= Math.min(this.lengthBytes, maxWordsBytes) || (this.isChunked && chunksOf(this.rest).isWhole);
  }

  /** What a refusal says, in one line. */
  get words(): string {
    const body = this.rest.subarray(0, Math.min(this.lengthBytes, maxWordsBytes));
    return bodyWords(this.isChunked ? chunksOf(body).body : body);
  }

  add(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.status === 0 && !this.isStranger && this.takeHead());
  }

  /** Returns whether another head may follow: that was an interim one. */
  private takeHead(): boolean {
    const { rest } = this;
    const end = rest.indexOf("\r\n\r\n");
    const begin = "HTTP/1.";
    if (end < 0) {
      const isBegun = begin.startsWith(rest.toString("latin1", 0, begin.length));
      this.isStranger = !isBegun || rest.length > maxHeadBytes;
      return false;
    }
    const head = rest.toString("latin1", 0, end);
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1] ?? 0);
    this.isStranger = status < 100;
    if (this.isStranger) return false;
    this.rest = rest.subarray(end + 4);
    if (status < 200) return true;
    this.status = status;
    this.isChunked = /\r\ntransfer-encoding:[ \t]*chunked/i.test(head);
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
    if (length !== undefined) this.lengthBytes = Number(length);
    return false;
  }
}

/** What is there of a body in chunks, and whether that is all of it. */
function chunksOf(bytes: Buffer): { readonly body: Buffer; readonly isWhole: boolean } {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    const sizeBytes = end < 0 ? Number.NaN : Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!(sizeBytes > 0)) return { body: Buffer.concat(pieces), isWhole: sizeBytes === 0 };
    pieces.push(bytes.subarray(end + 2, end + 2 + sizeBytes));
    at = end + sizeBytes + 4;
  }
}

function ignoreError(): void {}
