/** Calls of Connect (JSON or binary) and gRPC-web over HTTP/1.1, by connect-node. Imported when the first such call comes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ConnectRouter, createContextKey, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Caller } from "./auth.ts";
import { type Call, type CallBook, http1Start } from "./call.ts";
import { abortErrorOf, connectErrorOf } from "./connect-status.ts";
import type { ErasedHandler, Implementation, ImplementedMethod } from "./handler.ts";
import type { MethodStats } from "./method-stats.ts";
import { asAssayError } from "./status.ts";
import { closeIterator } from "./stream-pump.ts";

export interface ConnectOptions {
  readonly implementations: readonly Implementation[];
  readonly book: CallBook;
  readonly maxMessageBytes: number;
}

/** Answers a call of a caller who was admitted; undefined: the path is no method, and that is answered. */
export type ConnectHandler = (request: IncomingMessage, response: ServerResponse, caller: Caller | undefined) => void;

const callerKey = createContextKey<Caller | undefined>(undefined);

export function createConnectHandler(options: ConnectOptions): ConnectHandler {
  const callers = new WeakMap<object, Caller>();
  const answer = connectNodeAdapter({
    routes: (router) => addRoutes(router, options),
    contextValues: (request) => createContextValues().set(callerKey, callers.get(request)),
    readMaxBytes: options.maxMessageBytes,
    writeMaxBytes: options.maxMessageBytes,
    // Compressing a 4 KiB message costs seven times what sending it does, in a process whose time is measured.
    acceptCompression: [],
  });
  return (request, response, caller) => {
    if (caller !== undefined) callers.set(request, caller);
    answer(request, response);
  };
}

function addRoutes(router: ConnectRouter, { implementations, book }: ConnectOptions): void {
  for (const { desc, methods, maxRequestBytes } of implementations) {
    // Each route is built by the kind of its own method, and so has the shape that Connect expects of it.
    const routes: Record<string, never> = {};
    for (const [name, method] of methods) {
      const { handler } = method;
      // Bidi streams need HTTP/2, and a codec of one's own knows no JSON: Connect answers these with "unimplemented".
      if (typeof handler !== "function" || method.hasCodec || method.desc.methodKind === "bidi_streaming") continue;
      const answer = method.desc.methodKind === "server_streaming" ? streamResponses : respond;
      const stats = book.methodStats(desc.typeName, method.desc.name);
      const count = method.desc.methodKind === "client_streaming" ? countMessages : countMessage;
      const route = (input: unknown, context: HandlerContext) =>
        answer(handler, count(input, stats), openCall(book, method, context), stats);
      routes[name] = route as never;
    }
    router.service(desc, routes, maxRequestBytes === undefined ? {} : { readMaxBytes: maxRequestBytes });
  }
}

function openCall(book: CallBook, method: ImplementedMethod, context: HandlerContext): Call {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new Error(`${method.desc.name} was not admitted`);
  const timeoutMs = context.timeoutMs();
  const metadata = { get: (key: string) => context.requestHeader.get(key) ?? undefined };
  const deadlineMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  const call = book.open(http1Start(method, caller, metadata, deadlineMs));
  const abort = () => call.abort(abortErrorOf(context.signal.reason));
  if (context.signal.aborted) abort();
  else context.signal.addEventListener("abort", abort, { once: true });
  return call;
}

function countMessage(input: unknown, stats: MethodStats): unknown {
  stats.received++;
  return input;
}

async function* countMessages(input: unknown, stats: MethodStats): AsyncGenerator<unknown> {
  // Connect gives the handler of a client stream an iterable.
  for await (const message of input as AsyncIterable<unknown>) yield countMessage(message, stats);
}

type FunctionHandler = Extract<ErasedHandler, (...args: never) => unknown>;

// Connect tells a handler that its time is over and then waits for it: the deadline is kept here, whatever the handler does.
async function respond(handler: FunctionHandler, input: unknown, call: Call, stats: MethodStats): Promise<unknown> {
  try {
    const response = await untilAbort(call, async () => handler(input, call));
    stats.sent++;
    call.end();
    return response;
  } catch (thrown) {
    throw ended(call, thrown);
  }
}

async function* streamResponses(
  handler: FunctionHandler,
  input: unknown,
  call: Call,
  stats: MethodStats,
): AsyncGenerator<unknown> {
  // A handler of this kind was checked to return an iterable.
  const iterator = (handler(input, call) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await untilAbort(call, () => iterator.next());
      if (next.done === true) break;
      stats.sent++;
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
    call.within(work).then(resolve, reject).finally(stopListening);
  });
}

function ended(call: Call, thrown: unknown): Error {
  const error = asAssayError(thrown);
  call.end(error);
  return connectErrorOf(error);
}
