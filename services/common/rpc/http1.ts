/**
 * Connect (JSON or binary) and gRPC-web over HTTP/1.1, by connect-node. This file is imported when the first such connection
 * comes: loading Connect costs more than the rest of a server's start.
 */
import http from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type ConnectRouter, createContextKey, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AssayError } from "../errors.ts";
import type { Authorizer, Caller, CallerFacts } from "./auth.ts";
import type { Call, CallBook, CallStart } from "./call.ts";
import { abortErrorOf, connectErrorOf } from "./connect-status.ts";
import { type GuardedRequest, refusalOf } from "./guard.ts";
import type { ErasedHandler, Implementation, ImplementedMethod, ReadonlyMetadata } from "./handler.ts";
import { asAssayError, wireMessageOf } from "./status.ts";
import { closeIterator } from "./stream-pump.ts";

export interface Http1Options {
  readonly implementations: readonly Implementation[];
  readonly authorizer: Authorizer;
  readonly book: CallBook;
  /** Values of Host that name this server. */
  readonly hosts: ReadonlySet<string>;
  readonly maxMessageBytes: number;
  readonly handshakeTimeoutMs: number;
  /** Answers whatever is no RPC (a page, `/metrics`), once the guard has let it pass; without it that is 404. No role is asked for. */
  readonly fallback?: http.RequestListener | undefined;
}

export interface Http1Gateway {
  accept(socket: Socket): void;
  /** Finishes requests in progress and closes idle connections. */
  stop(): void;
}

const callerKey = createContextKey<Caller | undefined>(undefined);

type Request = http.IncomingMessage;

export function createHttp1Gateway(options: Http1Options): Http1Gateway {
  const methods = methodsByPath(options.implementations);
  const callers = new WeakMap<object, Caller>();
  const answerRpc = connectNodeAdapter({
    routes: (router) => addRoutes(router, options),
    contextValues: (request) => createContextValues().set(callerKey, callers.get(request)),
    readMaxBytes: options.maxMessageBytes,
    writeMaxBytes: options.maxMessageBytes,
    // Compressing a 4 KiB message costs seven times what sending it does, in a process whose time is measured.
    acceptCompression: [],
  });

  let isStopping = false;
  const server = http.createServer(
    {
      headersTimeout: options.handshakeTimeoutMs,
      connectionsCheckingInterval: Math.min(options.handshakeTimeoutMs, 5_000),
      keepAliveTimeout: 30_000,
    },
    (request, response) => {
      response.once("close", () => {
        if (isStopping) setImmediate(() => server.closeIdleConnections());
      });
      const refusal = refusalOf(guardedRequest(request), options.hosts);
      if (refusal !== undefined) return refuse(response, 403, new AssayError("permission_denied", refusal));
      const method = methods.get(pathOf(request));
      if (method === undefined && options.fallback !== undefined) return options.fallback(request, response);
      try {
        if (method !== undefined) callers.set(request, admit(request, method, options));
      } catch (thrown) {
        const error = asAssayError(thrown);
        return refuse(response, error.code === "unauthenticated" ? 401 : 403, error);
      }
      answerRpc(request, response);
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

// Refused before the body is read, in the shape of a Connect error; gRPC-web clients go by the HTTP status.
function refuse(response: http.ServerResponse, httpStatus: 401 | 403, error: AssayError): void {
  response.writeHead(httpStatus, { "content-type": "application/json", connection: "close" });
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
    book.open(startOf(method, { peer: authorizer.peerOf(facts), roles: [] }, metadata, undefined)).end(error);
    throw error;
  }
}

function startOf(
  method: ImplementedMethod,
  caller: Caller,
  metadata: ReadonlyMetadata,
  deadlineMs: number | undefined,
): CallStart {
  const isStream = method.desc.methodKind !== "unary";
  return {
    service: method.desc.parent.typeName,
    method: method.desc.name,
    isStream,
    protocol: "http1",
    caller,
    metadata,
    deadlineMs,
  };
}

function addRoutes(router: ConnectRouter, { implementations, book }: Http1Options): void {
  for (const { desc, methods } of implementations) {
    // Each route is built by the kind of its own method, and so has the shape that Connect expects of it.
    const routes: Record<string, never> = {};
    for (const [name, method] of methods) {
      const { handler } = method;
      // Bidi streams need HTTP/2, and a codec of one's own knows no JSON: Connect answers these with "unimplemented".
      if (typeof handler !== "function" || method.hasCodec || method.desc.methodKind === "bidi_streaming") continue;
      const answer = method.desc.methodKind === "server_streaming" ? streamResponses : respond;
      const route = (input: unknown, context: HandlerContext) => answer(handler, input, openCall(book, method, context));
      routes[name] = route as never;
    }
    router.service(desc, routes);
  }
}

function openCall(book: CallBook, method: ImplementedMethod, context: HandlerContext): Call {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new Error(`${method.desc.name} was not admitted`);
  const timeoutMs = context.timeoutMs();
  const metadata = { get: (key: string) => context.requestHeader.get(key) ?? undefined };
  const deadlineMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  const call = book.open(startOf(method, caller, metadata, deadlineMs));
  const abort = () => call.abort(abortErrorOf(context.signal.reason));
  if (context.signal.aborted) abort();
  else context.signal.addEventListener("abort", abort, { once: true });
  return call;
}

type FunctionHandler = Extract<ErasedHandler, (...args: never) => unknown>;

// Connect tells a handler that its time is over and then waits for it: the deadline is kept here, whatever the handler does.
async function respond(handler: FunctionHandler, input: unknown, call: Call): Promise<unknown> {
  try {
    const response = await untilAbort(call, async () => handler(input, call));
    call.end();
    return response;
  } catch (thrown) {
    throw ended(call, thrown);
  }
}

async function* streamResponses(handler: FunctionHandler, input: unknown, call: Call): AsyncGenerator<unknown> {
  // A handler of this kind was checked to return an iterable.
  const iterator = (handler(input, call) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await untilAbort(call, () => iterator.next());
      if (next.done === true) break;
      yield next.value;
    }
    call.end();
  } catch (thrown) {
    throw ended(call, thrown);
  } finally {
    closeIterator(iterator);
  }
}

// What the work gives, or the abort error if that comes first.
function untilAbort<T>(call: Call, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stopListening = call.onAbort(reject);
    work().then(resolve, reject).finally(stopListening);
  });
}

function ended(call: Call, thrown: unknown): Error {
  const error = asAssayError(thrown);
  call.end(error);
  return connectErrorOf(error);
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
