/** The client's end of a connection: one HTTP/2 connection to one address, shared by any number of service clients. */
import { rootCertificates } from "node:tls";
import {
  type ChannelCredentials,
  Client,
  credentials,
  experimental,
  type ChannelOptions as GrpcChannelOptions,
  Metadata,
} from "@grpc/grpc-js";
import { AssayError } from "../errors.ts";
import { noTracer, type Tracer } from "../observe/tracing.ts";
import { isLoopbackHost } from "./auth.ts";
import type { OwnStreams } from "./own-streams.ts";
import type { Pems, WatchedPems } from "./tls-files.ts";
import type { WatchedToken } from "./token-file.ts";

/** PEM texts of a client. */
export interface ClientTls {
  /** The CA of the server's certificate. Default: the public CAs. */
  readonly ca?: string | Buffer;
  /** The client's own certificate and key, for servers that ask for one. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name that the server's certificate must have, if it is not the address dialled. */
  readonly serverName?: string;
  /** In place of the texts above: files whose new versions new connections go by. */
  readonly watched?: WatchedPems;
}

export interface ChannelOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absent = plaintext. */
  readonly tls?: ClientTls | undefined;
  /** Sent as a bearer token with every call; of a file the version of the moment. */
  readonly token?: string | WatchedToken | undefined;
  /** Permits that a token goes in clear to another host. Default: false. */
  readonly allowPlaintext?: boolean | undefined;
  /** Makes a span of every call, whose context goes along in the call's metadata. Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Of the server in this process that has this address: its message streams need no connection. Default: none. */
  readonly own?: OwnStreams | undefined;
  /** Over the defaults below; names as in grpc-js. */
  readonly channelOptions?: GrpcChannelOptions;
}

const WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const DEFAULTS: GrpcChannelOptions = {
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  // A repeated call could be a repeated run: whoever calls decides.
  "grpc.enable_retries": 0,
  // Else 1 MiB per call is taken for retries that never come, and hides back-pressure.
  "grpc.per_rpc_retry_buffer_size": 0,
  "grpc-node.flow_control_window": WINDOW_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // A suite starts in any order: the first redial comes soon, and no peer that is back waits for minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A channel is one connection of its own, closed when it is closed.
  "grpc.use_local_subchannel_pool": 1,
  // Addresses are direct: no proxy of the environment, no lookup of service configurations in DNS.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
};

/** With which another thread, which cannot share a connection, reaches the same: plain data, of files what they say now. */
export interface Reach {
  readonly address: string;
  readonly tls?: Omit<ClientTls, "watched"> | undefined;
  readonly token?: string | undefined;
}

/** A connection that clients share. It connects at the first call. */
export class Channel {
  readonly address: string;
  readonly grpc: Client;
  readonly tracer: Tracer;
  readonly own: OwnStreams | undefined;
  readonly #token: ChannelOptions["token"];
  readonly #tls: ClientTls | undefined;

  /** Throws `failed_precondition` where a token would go in clear to another host, unless that is permitted. */
  constructor(options: ChannelOptions) {
    const { address, tls, token, allowPlaintext = false } = options;
    if (token !== undefined && tls === undefined && !allowPlaintext) checkIsHere(address);
    this.address = address;
    this.#tls = tls;
    this.tracer = options.tracer ?? noTracer;
    this.#token = options.token;
    this.own = options.own;
    this.grpc = new Client(options.address, credentialsOf(options.tls), {
      ...DEFAULTS,
      ...namesOf(options.tls),
      ...options.channelOptions,
    });
  }

  get reach(): Reach {
    const token = this.#tokenNow();
    if (this.#tls === undefined) return { address: this.address, tls: undefined, token };
    const { watched, ...texts } = this.#tls;
    return { address: this.address, tls: { ...texts, ...watched?.current() }, token };
  }

  /** Fresh metadata of one call. */
  metadata(entries: Readonly<Record<string, string>> = {}, waitForReady = false): Metadata {
    const metadata = new Metadata({ waitForReady });
    // Not as call credentials: grpc-js refuses those on plaintext, and on loopback that is the rule here.
    const token = this.#tokenNow();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
    return metadata;
  }

  /** Connects now rather than at the first call. Throws `unavailable` if that takes longer than `timeoutMs` or the channel is closed. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.grpc.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(new AssayError("unavailable", `connecting to ${this.address} within ${timeoutMs} ms: ${error.message}`));
      });
    });
  }

  /** Running calls end with an error; no further ones can be made. */
  close(): void {
    this.grpc.close();
  }

  #tokenNow(): string | undefined {
    return typeof this.#token === "object" ? this.#token.current() : this.#token;
  }
}

/** One connection to one address, for several clients: `createClient(desc, channel)`. */
export function createChannel(options: ChannelOptions): Channel {
  return new Channel(options);
}

// A name is not asked what it stands for: the answer may be another one by the time that it is dialled.
function checkIsHere(address: string): void {
  if (isLoopbackHost(address.replace(/:\d+$/, ""))) return;
  throw new AssayError(
    "failed_precondition",
    `sending a token to ${address} in clear: it is another host, use TLS (--tls, --tls-ca FILE) or permit it (--insecure)`,
  );
}

function credentialsOf(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  if (tls.watched !== undefined) return watchedCredentials(tls.watched);
  return credentials.createSsl(bufferOf(tls.ca), bufferOf(tls.key), bufferOf(tls.cert));
}

/** Of files that may be replaced: a connection goes by those of the moment in which it is made. */
function watchedCredentials(watched: WatchedPems): ChannelCredentials {
  const ends = new Map<unknown, () => void>();
  const listen = <Update>(listener: (update: Update) => void, updateOf: (pems: Pems) => Update): void => {
    ends.set(
      listener,
      watched.onChange((pems) => listener(updateOf(pems))),
    );
    listener(updateOf(watched.current()));
  };
  const stop = (listener: unknown): void => {
    ends.get(listener)?.();
    ends.delete(listener);
  };
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: (listener) =>
      listen(listener, ({ ca = Buffer.from(rootCertificates.join("\n")) }) => ({ caCertificate: ca })),
    removeCaCertificateListener: stop,
    addIdentityCertificateListener: (listener) =>
      listen(listener, ({ cert, key }) =>
        cert === undefined || key === undefined ? null : { certificate: cert, privateKey: key },
      ),
    removeIdentityCertificateListener: stop,
  };
  const hasIdentity = watched.current().cert !== undefined;
  return experimental.createCertificateProviderChannelCredentials(provider, hasIdentity ? provider : null);
}

function bufferOf(pem: string | Buffer | undefined): Buffer | null {
  if (pem === undefined) return null;
  return typeof pem === "string" ? Buffer.from(pem) : pem;
}

function namesOf(tls: ClientTls | undefined): GrpcChannelOptions {
  if (tls?.serverName === undefined) return {};
  return { "grpc.ssl_target_name_override": tls.serverName, "grpc.default_authority": tls.serverName };
}
