/**
 * How a worker reaches a target. One implementation a file. A transport knows connections, bytes and moments; it knows
 * nothing of turns, chunks or tokens.
 */
import type { RequestError } from "../../../endpoints/outcome.ts";
import type { TargetLookup } from "../../common/allowed-targets.ts";
import type { MonotonicNs } from "../../common/clock.ts";
import type { GrpcCompression } from "../../common/grpc-compression.ts";

/** One request, ready to go out. The transport does not change and does not keep it. */
export interface WireRequest {
  /** Target by index in the spec. */
  readonly target: number;
  /** Absent: POST. A GET has no body. */
  readonly method?: "GET" | "POST";
  readonly path: string;
  /** Name, value, name, value. Those that many requests share are one array, which is read once and never changes. */
  readonly headers: readonly string[];
  /** Those of this request alone, likewise. Absent: none. */
  readonly ownHeaders?: readonly string[];
  readonly body: Buffer;
  /**
   * Set: the request goes on the connection that this session has to the target, however long it has rested, and no other
   * session's request does; it is opened, or taken from those that stand free, where the session has none.
   */
  readonly session?: string | undefined;
}

/** How a target is reached. */
export interface TargetOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  /** How the origin's host is resolved. Default: as usual. */
  readonly lookup?: TargetLookup;
  /** The Unix socket to connect to instead of the origin's host. */
  readonly socketPath?: string;
  /** What every connection goes through, by CONNECT. Only `undici` and `http2` know how, and to no Unix socket. */
  readonly proxy?: ProxyOptions;
  /** Of a connection until it can carry a request, its tunnel and TLS included. */
  readonly connectTimeoutMs: number;
  /** False: every request opens a connection of its own and closes it. */
  readonly isPooled: boolean;
  /** How long a connection rests after an answer while the target has not been seen to keep one for so long. Default: 0, no rest. */
  readonly restMs?: number;
  /** A connection that nobody has used for longer is closed instead of used again. Default: 4 s. */
  readonly idleMs?: number;
  /**
   * On a connection on which nothing was heard for longer, what the target may have said meanwhile is read before a request is
   * written. Default: 1 s. Only `http1` asks: undici always does so.
   */
  readonly quietMs?: number;
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** Only of targets of gRPC. Default: a call for each request, nothing compressed, no deadline. */
  readonly grpc?: GrpcOptions;
  /** How often a connection with requests on it is pinged; only over HTTP/2. Default: never. */
  readonly pingMs?: number;
  /** How long a ping may go unanswered before the connection is given up. Default: 20 s, as in gRPC's own clients. */
  readonly pingLimitMs?: number;
}

/** How calls of gRPC are made. */
export interface GrpcOptions {
  /** `slot`: one call carries requests one after the other. */
  readonly streamPer: "request" | "slot";
  readonly compression: GrpcCompression;
  /** What the target is told a call may take; a slot's is told nothing. Infinity: no end. */
  readonly deadlineSec: number;
  /** Names of headers by which requests are known. A slot's call goes without, and the first one's value is the id of the message. */
  readonly idHeaders: readonly string[];
}

/** An HTTP proxy, in TLS or not. */
export interface ProxyOptions {
  /** As messages name it. */
  readonly shown: string;
  readonly isSecure: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** What it gets as `Proxy-Authorization`; a secret. */
  readonly authorization?: string;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string;
  /** How its host is resolved. Default: as usual. */
  readonly lookup?: TargetLookup;
}

/**
 * What happens to one request, in this order: `mayWrite` and `onSent` once the request is handed to an open connection, `onHead`, any
 * number of `onBody`, then exactly one of `onEnd` and `onFailure`. `onFailure` may come at any point, also first. `onWritten` comes
 * between `onSent` and the end, once, where all of the request has left; a target may answer before.
 * Every method gets the moment, read before anything else was done with the event.
 */
export interface ResponseHandler {
  /** Asked right before the write. False: the request is not written and fails with `fenced`. */
  mayWrite(): boolean;
  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void;
  /** The kernel has taken the whole request. */
  onWritten(atNs: MonotonicNs): void;
  onHead(atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void;
  /** `bytes[start, end)`, by default all of it, is valid during the call only. Pieces of one read come with the same moment. */
  onBody(atNs: MonotonicNs, bytes: Buffer, start?: number, end?: number): void;
  /** @param trailers what came behind the body; only `http2` reads it, absent: nothing */
  onEnd(atNs: MonotonicNs, trailers?: ResponseHeaders): void;
  onFailure(atNs: MonotonicNs, error: RequestError): void;
}

/** Valid during the call only. */
export interface AnswerHead {
  headers(): ResponseHeaders;
}

/** By name in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Told how connections are opened, failed ones too; for who shows it. */
export interface ConnectionWatcher {
  /** `remoteAddress` is empty before TCP stands. */
  onStep(step: "start" | "resolved" | "connected" | "secured", atNs: MonotonicNs, remoteAddress: string): void;
}

export interface ConnectionFacts {
  /** It carried a request before. */
  readonly isReused: boolean;
  /** How long opening it took; undefined when reused, or opened ahead: the request has not waited for it. */
  readonly connectNs: number | undefined;
  /** What `connectNs` is made of; undefined with it. */
  readonly steps: OpeningSteps | undefined;
  readonly opened: OpenedConnection;
}

/**
 * How long each step of opening a connection took; undefined where there was none. Through a proxy the name is the proxy's, and the
 * tunnel counts as TCP.
 */
export interface OpeningSteps {
  readonly dnsNs: number | undefined;
  readonly tcpNs: number | undefined;
  readonly tlsNs: number | undefined;
}

/** Asked while it stands. */
export interface OpenedConnection {
  /** Of the kernel, the first time. */
  readonly ends: ConnectionEnds;
}

/** `address:port`; empty for a Unix socket. The remote end is the proxy's where there is one. */
export interface ConnectionEnds {
  readonly local: string;
  readonly remote: string;
}

/** Handle of a request in flight. */
export interface Exchange {
  /** Every byte of the request is with the kernel. False before `onSent`. */
  readonly isWritten: boolean;
  /** Ends the request; `onFailure` is called with this error unless it has ended already. The connection is closed, or, where others share it, the stream alone. */
  abort(error: RequestError): void;
}

export interface TransportStats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections opened since the start. */
  readonly opened: number;
  /** Kept connections that the target closed before they were used again. */
  readonly replaced: number;
}

export interface Transport {
  /** Sends now, on a free connection or a new one. Never throws: what fails is reported to the handler. */
  send(request: WireRequest, handler: ResponseHandler): Exchange;
  /** Opens connections to a target until `count` stand free; resolves when they do or have failed, or the signal aborts. Failures are not reported: the first request will meet them. */
  open(target: number, count: number, signal: AbortSignal): Promise<void>;
  /** Closes the connections of a session, which has no request in flight and will have none. Without effect where it has none. */
  endSession(session: string): void;
  stats(): TransportStats;
  /** Connections that were opened ahead and that no request has used yet; they are among those of `stats`. */
  spareConnections(): number;
  /** Closes every connection; requests in flight fail with `reset`. */
  close(): Promise<void>;
}
