/**
 * HTTP/1.1: Connect (JSON or binary) and gRPC-web, and pages. Connect is imported when the first call comes: loading it costs more
 * than the rest of a server's start, and a page needs none of it.
 */
import http from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { AssayError, messageOf } from "../errors.ts";
import type { Access, Authorizer, Caller, CallerFacts } from "./auth.ts";
import { type CallBook, http1Start } from "./call.ts";
import type { ConnectHandler } from "./connect-rpc.ts";
import { type GuardedRequest, refusalOf } from "./guard.ts";
import type { Implementation, ImplementedMethod } from "./handler.ts";
import { asAssayError, wireMessageOf } from "./status.ts";

export interface Http1Options {
  readonly implementations: readonly Implementation[];
  readonly authorizer: Authorizer;
  readonly book: CallBook;
  /** Values of Host that name this server. */
  readonly hosts: ReadonlySet<string>;
  readonly maxMessageBytes: number;
  /** Of all headers of a request. */
  readonly maxMetadataBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly pages: HttpPages;
  /** Answers whatever is no RPC (a page, `/metrics`), once the guard has let it pass; without it that is 404. No role is asked for. */
  readonly fallback?: http.RequestListener | undefined;
}

/** A page that is answered to GET and HEAD, once the guard and its access rule have let the request pass. */
export interface HttpPage extends Access {
  /** Must end the response, whatever happens. */
  answer(request: http.IncomingMessage, response: http.ServerResponse): void;
}

/** By path. */
export type HttpPages = Readonly<Record<string, HttpPage>>;

export interface Http1Gateway {
  accept(socket: Socket): void;
  /** Finishes requests in progress and closes idle connections. */
  stop(): void;
}

type Request = http.IncomingMessage;

export function createHttp1Gateway(options: Http1Options): Http1Gateway {
  const methods = methodsByPath(options.implementations);
  let connect: Promise<ConnectHandler> | undefined;
  const answerRpc = (request: Request, response: http.ServerResponse, caller: Caller | undefined): void => {
    connect ??= import("./connect-rpc.ts").then(({ createConnectHandler }) => createConnectHandler(options));
    connect.then(
      (answer) => answer(request, response, caller),
      (error: unknown) => refuse(response, 500, new AssayError("internal", `loading Connect: ${messageOf(error)}`)),
    );
  };

  let isStopping = false;
  const server = http.createServer(
    {
      headersTimeout: options.handshakeTimeoutMs,
      maxHeaderSize: options.maxMetadataBytes,
      connectionsCheckingInterval: Math.min(options.handshakeTimeoutMs, 5_000),
      keepAliveTimeout: 30_000,
    },
    (request, response) => {
      response.once("close", () => {
        if (isStopping) setImmediate(() => server.closeIdleConnections());
      });
      const refusal = refusalOf(guardedRequest(request), options.hosts);
      if (refusal !== undefined) return refuse(response, 403, new AssayError("permission_denied", refusal));
      const path = pathOf(request);
      const page = options.pages[path];
      if (page !== undefined) return answerPage(page, request, response, options.authorizer);
      const method = methods.get(path);
      if (method === undefined && options.fallback !== undefined) return options.fallback(request, response);
      let caller: Caller | undefined;
      try {
        if (method !== undefined) caller = admit(request, method, options);
      } catch (thrown) {
        return refuseCaller(response, asAssayError(thrown));
      }
      answerRpc(request, response, caller);
    },
  );
  // It never listens, and without this its timeouts and its tracking of idle connections would never start.
  server.emit("listening");
  return {
    accept: (socket) => server.emit("connection", socket),
    stop() {
      isStopping = true;
      server.close();
      server.closeIdleConnections();
    },
  };
}

function methodsByPath(implementations: readonly Implementation[]): Map<string, ImplementedMethod> {
  const methods = new Map<string, ImplementedMethod>();
  for (const { desc, methods: implemented } of implementations) {
    for (const method of implemented.values()) methods.set(`/${desc.typeName}/${method.desc.name}`, method);
  }
  return methods;
}

function pathOf(request: Request): string {
  return request.url?.split("?", 1)[0] ?? "";
}

function guardedRequest(request: Request): GuardedRequest {
  const { headers } = request;
  return {
    method: request.method,
    isEncrypted: request.socket instanceof TLSSocket,
    host: headers.host,
    origin: headers.origin,
    fetchSite: textOf(headers["sec-fetch-site"]),
    fetchMode: textOf(headers["sec-fetch-mode"]),
  };
}

function answerPage(page: HttpPage, request: Request, response: http.ServerResponse, authorizer: Authorizer): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const error = new AssayError("unimplemented", `${request.method} ${page.name}: only GET and HEAD are answered`);
    refuse(response, 405, error, { allow: "GET, HEAD" });
    return;
  }
  try {
    authorizer.admit(factsOf(request), page);
  } catch (thrown) {
    refuseCaller(response, asAssayError(thrown));
    return;
  }
  page.answer(request, response);
}

function refuseCaller(response: http.ServerResponse, error: AssayError): void {
  const isUnknown = error.code === "unauthenticated";
  const status = error.code === "resource_exhausted" ? 429 : 403;
  refuse(response, isUnknown ? 401 : status, error, isUnknown ? { "www-authenticate": "Bearer" } : {});
}

// Refused before the body is read, in the shape of a Connect error; gRPC-web clients go by the HTTP status.
function refuse(
  response: http.ServerResponse,
  httpStatus: 401 | 403 | 405 | 429 | 500,
  error: AssayError,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(httpStatus, { "content-type": "application/json", connection: "close", ...headers });
  response.end(JSON.stringify({ code: error.code, message: wireMessageOf(error) }));
}

function factsOf(request: Request): CallerFacts {
  const { socket } = request;
  // An unverified certificate is readable too: never without `authorized`.
  const isVerified = socket instanceof TLSSocket && socket.authorized;
  const certificate = isVerified ? socket.getPeerCertificate() : undefined;
  return {
    remoteAddress: socket.remoteAddress ?? "",
    remotePort: socket.remotePort ?? 0,
    certificate: certificate !== undefined && "raw" in certificate ? certificate : undefined,
    authorization: request.headers.authorization,
  };
}

function admit(request: Request, method: ImplementedMethod, { authorizer, book }: Http1Options): Caller {
  const facts = factsOf(request);
  try {
    return authorizer.admit(facts, method);
  } catch (thrown) {
    const error = asAssayError(thrown);
    const metadata = { get: (key: string) => textOf(request.headers[key.toLowerCase()]) };
    book.open(http1Start(method, { peer: authorizer.peerOf(facts), roles: [] }, metadata, undefined)).end(error);
    throw error;
  }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
