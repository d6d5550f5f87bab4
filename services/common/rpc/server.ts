/** A server of the suite: gRPC and JSON on one port, with authentication, health, reflection, limits, and an orderly end. */
import type { RequestListener } from "node:http";
import { Server } from "@grpc/grpc-js";
import { Health } from "../../../gen/grpc/health/v1/health_pb.js";
import { AssayError } from "../errors.ts";
import { hostPort } from "../host-port.ts";
import type { Logger } from "../logger.ts";
import type { Tracer } from "../observe/tracing.ts";
import { type AuthOptions, createAuthorizer, isLoopbackAddress } from "./auth.ts";
import { CallBook, type RpcStats } from "./call.ts";
import { createGrpcHandlers } from "./grpc-handlers.ts";
import { hostsOf } from "./guard.ts";
import type { Implementation } from "./handler.ts";
import { HealthBoard } from "./health.ts";
import { createHttp1Gateway, type Http1Gateway, type HttpPages } from "./http1.ts";
import { keepAlive } from "./keepalive.ts";
import type { MethodStats } from "./method-stats.ts";
import { OpenStreams } from "./open-streams.ts";
import { createOwnStreams, type OwnStreams } from "./own-streams.ts";
import { OnePort, type TlsFiles, type TlsOptions } from "./port.ts";
import { createReflection } from "./reflection.ts";
import { createWideInjector } from "./windows.ts";

export interface RpcLimits {
  /** Largest message received. Default 16 MiB. */
  readonly maxMessageBytes?: number;
  /** Largest metadata of a call, names and values together, and headers over HTTP/1.1. Default 16 KiB. */
  readonly maxMetadataBytes?: number;
  /** HTTP/2 receive window, per stream and per connection. Default 4 MiB. */
  readonly windowBytes?: number;
  /**
   * Calls open at once on one connection; further ones wait at the client, and one that opens them all the same loses its connection. Half of
   * them may be streams, of which one more is refused. Default 1024.
   */
  readonly maxStreamsPerConnection?: number;
  /** Connections open at once; further ones are closed. Default 4096. */
  readonly maxConnections?: number;
  /** How long a connection may take to say what it speaks, and an HTTP/1.1 request to send its headers. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** A connection is pinged this long after the last answer. Default 10 000. */
  readonly keepaliveTimeMs?: number;
  /** A connection on which nothing comes for this long after a ping is closed, and its calls end. Default 5 000. */
  readonly keepaliveTimeoutMs?: number;
}

export interface RpcServerOptions {
  readonly services: readonly Implementation[];
  readonly listen: {
    /** Default 127.0.0.1. */
    readonly host?: string;
    /** 0 (the default) = any free one. */
    readonly port?: number;
    /** Further names by which HTTP/1.1 clients may address this server, with or without a port (default: the port listened on). */
    readonly names?: readonly string[];
    /** Permits an address other than loopback without TLS. */
    readonly allowPlaintext?: boolean;
  };
  readonly tls?: TlsOptions | undefined;
  readonly auth: AuthOptions;
  readonly log: Logger;
  readonly limits?: RpcLimits;
  /** Makes a span of every call. Default: none. */
  readonly tracer?: Tracer;
  /** Pages over HTTP/1.1, behind the Host and Origin guard, each with its own access rule. */
  readonly pages?: HttpPages;
  /** Answers HTTP/1.1 requests that are no RPC, behind the Host and Origin guard and without a role; 404 if absent. */
  readonly httpFallback?: RequestListener;
}

export interface RpcServer {
  /** Listens; the port found and `host:port`. Throws `unavailable` if the address cannot be had. */
  start(): Promise<{ port: number; address: string }>;
  /**
   * Refuses new calls at once, lets running ones finish, cuts what still runs after `graceMs`. Health becomes NOT_SERVING first.
   * Resolves when every connection is closed. Further calls wait for the same end.
   */
  stop(graceMs: number): Promise<void>;
  /** Health of one service (full name) or the whole (`""`); all serve from the start. */
  setHealth(service: string, isServing: boolean): void;
  /** Certificates for new connections; open ones keep theirs. Throws `invalid_argument` and keeps the old ones if they do not fit. */
  reloadTls(files: TlsFiles): void;
  stats(): RpcStats;
  /** For clients in this process. */
  readonly ownStreams: OwnStreams;
  /** Counts of every method. */
  methods(): Iterable<MethodStats>;
}

const DEFAULT_LIMITS: Required<RpcLimits> = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxMetadataBytes: 16 * 1024,
  windowBytes: 4 * 1024 * 1024,
  maxStreamsPerConnection: 1024,
  maxConnections: 4096,
  handshakeTimeoutMs: 10_000,
  keepaliveTimeMs: 10_000,
  keepaliveTimeoutMs: 5_000,
};

/**
 * Makes a server; nothing is opened before `start`. Throws `failed_precondition` for an address other than loopback without TLS,
 * unless that is permitted or authentication is off, and `invalid_argument` for certificates that do not fit together.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  checkExposure(options);
  return new OnePortServer(options);
}

function checkExposure({ listen, tls, auth }: RpcServerOptions): void {
  const { host = "127.0.0.1", allowPlaintext = false } = listen;
  const isLoopback = host === "localhost" || isLoopbackAddress(host);
  if (isLoopback || tls !== undefined || allowPlaintext || auth.insecure === true) return;
  throw new AssayError("failed_precondition", `listening on ${host}: an address other than loopback needs TLS`);
}

class OnePortServer implements RpcServer {
  readonly ownStreams: OwnStreams;
  readonly #options: RpcServerOptions;
  readonly #limits: Required<RpcLimits>;
  readonly #book: CallBook;
  readonly #health: HealthBoard;
  readonly #grpc: Server;
  readonly #port: OnePort;
  readonly #implementations: readonly Implementation[];
  readonly #authorizer;
  #boundPort = 0;
  #gateway: Http1Gateway | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#book = new CallBook(options.log, options.tracer);
    this.#authorizer = createAuthorizer(options.auth);
    this.#health = new HealthBoard(options.services.map(({ desc }) => desc.typeName));
    const described = [...options.services.map(({ desc }) => desc), Health];
    this.#implementations = [...options.services, this.#health.implementation(), ...createReflection(described)];
    this.#grpc = this.#createGrpcServer();
    this.ownStreams = createOwnStreams(options.services, this.#book);
    const { windowBytes, keepaliveTimeMs: timeMs, keepaliveTimeoutMs: timeoutMs } = this.#limits;
    const injector = createWideInjector(this.#grpc, windowBytes, (session) => keepAlive(session, { timeMs, timeoutMs }));
    this.#port = new OnePort({
      host: options.listen.host ?? "127.0.0.1",
      port: options.listen.port ?? 0,
      tls: options.tls,
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      maxConnections: this.#limits.maxConnections,
      onFull: () =>
        options.log.warn("a connection was closed: there are as many as may be", {
          limit: `--max-connections ${this.#limits.maxConnections}`,
        }),
      onError: (error) => options.log.warn("accepting a connection failed", { error: error.message }),
      onHttp2: (socket) => injector.injectConnection(socket),
      onHttp1: (socket) => this.#http1().accept(socket),
    });
  }

  async start(): Promise<{ port: number; address: string }> {
    const { host = "127.0.0.1" } = this.#options.listen;
    this.#boundPort = await this.#port.listen();
    return { port: this.#boundPort, address: hostPort(host, this.#boundPort) };
  }

  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  setHealth(service: string, isServing: boolean): void {
    this.#health.set(service, isServing);
  }

  reloadTls(files: TlsFiles): void {
    this.#port.reload(files);
  }

  stats(): RpcStats {
    return this.#book.stats();
  }

  methods(): Iterable<MethodStats> {
    return this.#book.methods();
  }

  async #stop(graceMs: number): Promise<void> {
    this.#health.close();
    this.ownStreams.close();
    const closed = this.#port.close(graceMs);
    // Sends GOAWAY. Its callback means nothing with injected connections: it comes while calls still run.
    this.#grpc.tryShutdown(() => {});
    this.#gateway?.stop();
    await closed;
  }

  #createGrpcServer(): Server {
    const { interceptor, services } = createGrpcHandlers(this.#implementations, {
      authorizer: this.#authorizer,
      book: this.#book,
      maxMetadataBytes: this.#limits.maxMetadataBytes,
      openStreams: new OpenStreams(this.#limits.maxStreamsPerConnection),
    });
    const server = new Server({
      interceptors: [interceptor],
      "grpc.max_receive_message_length": this.#limits.maxMessageBytes,
      "grpc.max_concurrent_streams": this.#limits.maxStreamsPerConnection,
      "grpc.enable_channelz": 0,
    });
    for (const { definition, implementation } of services) server.addService(definition, implementation);
    return server;
  }

  // Made when the first such connection comes: only then the port is known, and most servers never see one.
  #http1(): Http1Gateway {
    const { listen, tls, pages = {}, httpFallback } = this.#options;
    const names = [...(listen.host === undefined ? [] : [listen.host]), ...(listen.names ?? [])];
    this.#gateway ??= createHttp1Gateway({
      implementations: this.#implementations,
      authorizer: this.#authorizer,
      book: this.#book,
      hosts: hostsOf(names, this.#boundPort, tls !== undefined),
      maxMessageBytes: this.#limits.maxMessageBytes,
      maxMetadataBytes: this.#limits.maxMetadataBytes,
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      pages,
      fallback: httpFallback,
    });
    return this.#gateway;
  }
}
