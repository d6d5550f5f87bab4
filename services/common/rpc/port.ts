/**
 * One TCP port for gRPC (HTTP/2) and everything else (HTTP/1.1), in clear or with TLS. TLS ends here, once; what it holds is told
 * by ALPN, and in clear by the first three bytes.
 */
import net from "node:net";
import tls from "node:tls";
import { AssayError, messageOf } from "../errors.ts";

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** The CA of client certificates. Public roots are never trusted for clients. */
  readonly ca?: string | Buffer;
}

export interface TlsOptions extends TlsFiles {
  /**
   * `required`: a connection without a certificate of `ca` is refused in the handshake. `optional`: it is accepted, is nobody by
   * certificate, and needs a token. `none` (the default): never asked for.
   */
  readonly clientCertificates?: "none" | "optional" | "required";
}

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  /** How long a connection may take to say what it speaks, TLS handshake included. */
  readonly handshakeTimeoutMs: number;
  readonly maxConnections: number;
  onHttp2(socket: net.Socket): void;
  onHttp1(socket: net.Socket): void;
  /** A connection was closed at once, being one too many; at most once a minute. */
  onFull(): void;
  /** Accepting a connection failed (no file descriptors left, say); the port goes on listening. */
  onError(error: Error): void;
}

/** A listening port and every connection that it accepted. */
export class OnePort {
  readonly #options: PortOptions;
  readonly #server: net.Server | tls.Server;
  readonly #open = new Set<net.Socket>();
  /** Those of `#open` that have not yet said what they speak, by the other end's address. */
  readonly #silent = new Map<string, net.Socket>();

  /** Throws `invalid_argument` if the certificate files do not fit together. */
  constructor(options: PortOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls);
    this.#server.maxConnections = options.maxConnections;
    let toldMs = Number.NEGATIVE_INFINITY;
    this.#server.on("drop", () => {
      if (performance.now() - toldMs < TELL_EVERY_MS) return;
      toldMs = performance.now();
      options.onFull();
    });
  }

  /** Starts listening; the port found if 0 was asked. Throws `unavailable` with the address if that cannot be. */
  listen(): Promise<number> {
    const { host, port, onError } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (error: Error) => {
        reject(new AssayError("unavailable", `listening on ${host}:${port}: ${messageOf(error)}`, { cause: error }));
      };
      this.#server.once("error", refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", refuse);
        this.#server.on("error", onError);
        const address = this.#server.address();
        resolve(address !== null && typeof address === "object" ? address.port : port);
      });
    });
  }

  /**
   * New connections get these certificates; those open keep what they had. Throws `invalid_argument` if they do not fit together,
   * and the old ones stay.
   */
  reload(files: TlsFiles): void {
    if (!(this.#server instanceof tls.Server) || this.#options.tls === undefined) {
      throw new AssayError("failed_precondition", "loading certificates: this server does not use TLS");
    }
    const { cert, key, ca } = checkedTls({ ...files, clientCertificates: this.#options.tls.clientCertificates ?? "none" });
    const server = this.#server;
    // It replaces everything: what is not given again is gone.
    checkingFiles(() => server.setSecureContext({ cert, key, minVersion: MIN_TLS_VERSION, ...(ca === undefined ? {} : { ca }) }));
  }

  /** Accepts no more; resolves when the last connection is closed, which after `graceMs` all are, by force. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#silent.values()) socket.destroy();
    const cut = setTimeout(() => {
      for (const socket of this.#open) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
  }

  #plainServer(): net.Server {
    return net.createServer({ noDelay: true }, (socket) => {
      this.#keepSilent(socket);
      this.#sniff(socket);
    });
  }

  #tlsServer(options: TlsOptions): tls.Server {
    const { cert, key, ca, clientCertificates = "none" } = checkedTls(options);
    const server = checkingFiles(() =>
      tls.createServer(
        {
          cert,
          key,
          ...(ca === undefined ? {} : { ca }),
          minVersion: MIN_TLS_VERSION,
          requestCert: clientCertificates !== "none",
          rejectUnauthorized: clientCertificates === "required",
          handshakeTimeout: this.#options.handshakeTimeoutMs,
          noDelay: true,
          // The server's order decides. HTTP/1.1 first sends browsers and curl, which offer both, to where JSON is spoken;
          // gRPC clients offer h2 alone.
          ALPNProtocols: ["http/1.1", "h2"],
        },
        (socket) => {
          this.#keep(socket);
          // The TCP socket below has the same address, and nothing else of it can be had from here.
          this.#silent.delete(endOf(socket));
          memoizePeerCertificate(socket);
          if (socket.alpnProtocol === "h2") this.#options.onHttp2(socket);
          else this.#options.onHttp1(socket);
        },
      ),
    );
    // The TLS socket is made when hands are shaken: until then this is what `close` can cut.
    server.on("connection", (socket: net.Socket) => this.#keepSilent(socket));
    // A peer that fails the handshake is its own problem: its socket is destroyed by Node.
    server.on("tlsClientError", () => {});
    return server;
  }

  #keep(socket: net.Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    // A reset ends its connection; whoever speaks on it learns that by itself.
    socket.on("error", () => {});
  }

  #keepSilent(socket: net.Socket): void {
    const end = endOf(socket);
    this.#keep(socket);
    this.#silent.set(end, socket);
    socket.once("close", () => this.#silent.delete(end));
  }

  #sniff(socket: net.Socket): void {
    let head = Buffer.alloc(0);
    const late = setTimeout(() => socket.destroy(), this.#options.handshakeTimeoutMs);
    socket.once("close", () => clearTimeout(late));
    const look = () => {
      while (head.length < PREFACE.length) {
        const chunk: Buffer | null = socket.read();
        if (chunk === null) return;
        head = Buffer.concat([head, chunk]);
      }
      clearTimeout(late);
      this.#silent.delete(endOf(socket));
      socket.off("readable", look);
      socket.unshift(head);
      if (head.toString("latin1", 0, PREFACE.length) === PREFACE) this.#options.onHttp2(socket);
      else this.#options.onHttp1(socket);
    };
    socket.on("readable", look);
  }
}

function endOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

const TELL_EVERY_MS = 60_000;

const MIN_TLS_VERSION = "TLSv1.2";

// How the HTTP/2 connection preface begins; one byte less could be a POST or PUT.
const PREFACE = "PRI";

function checkedTls(options: TlsOptions): TlsOptions {
  if ((options.clientCertificates ?? "none") !== "none" && options.ca === undefined) {
    throw new AssayError(
      "invalid_argument",
      "client certificates need a CA of their own: without one every public CA is trusted",
    );
  }
  return options;
}

function checkingFiles<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw new AssayError("invalid_argument", `loading certificates: ${messageOf(error)}`, { cause: error });
  }
}

// Parsing the certificate costs 60 us, and grpc-js asks for it at every call.
function memoizePeerCertificate(socket: tls.TLSSocket): void {
  const certificate = socket.getPeerCertificate();
  socket.getPeerCertificate = (() => certificate) as tls.TLSSocket["getPeerCertificate"];
}
