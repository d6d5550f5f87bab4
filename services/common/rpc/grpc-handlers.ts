/** Handlers as grpc-js calls them: one adapter for each kind of method, and the interceptor that admits callers. */
import type { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import {
  type Deadline,
  Metadata,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { AssayError, messageOf } from "../errors.ts";
import { malformed } from "../wire.ts";
import type { Authorizer, Caller, CallerFacts } from "./auth.ts";
import { asBuffer, type MethodDefinition, methodDefinition, readable, Unreadable } from "./bridge.ts";
import { type Call, type CallBook, type CallStart, cancelledByCaller, outOfTime } from "./call.ts";
import type { ErasedHandler, Implementation, ImplementedMethod, ReadonlyMetadata } from "./handler.ts";
import { DuplexMessageStream } from "./message-stream.ts";
import type { MethodStats } from "./method-stats.ts";
import type { OpenStreams } from "./open-streams.ts";
import { asAssayError, grpcStatusOf } from "./status.ts";
import { messagesOf, pump } from "./stream-pump.ts";

/** What the server side of a call has, of whichever kind. */
interface AnyCall extends EventEmitter {
  readonly metadata: Metadata;
  getDeadline(): Deadline;
  getPath(): string;
}

export interface GrpcHandlers {
  /** Admits a caller before one byte of its messages is read. */
  readonly interceptor: ServerInterceptor;
  readonly services: readonly { readonly definition: ServiceDefinition; readonly implementation: UntypedServiceImplementation }[];
}

export interface GrpcOptions {
  readonly authorizer: Authorizer;
  readonly book: CallBook;
  /** Of names and values together. */
  readonly maxMetadataBytes: number;
  readonly openStreams: OpenStreams;
}

export function createGrpcHandlers(implementations: readonly Implementation[], options: GrpcOptions): GrpcHandlers {
  const { book } = options;
  // Hands the caller from the interceptor to the handler, which gets this very metadata object. Metadata entries would not do:
  // a client can send any key itself.
  const callers = new WeakMap<Metadata, Caller>();
  const methods = new Map<string, ImplementedMethod>();
  const services = implementations.map((implementation) => {
    const definition: Record<string, MethodDefinition> = {};
    const handlers: UntypedServiceImplementation = {};
    for (const [name, method] of implementation.methods) {
      const isCallback = typeof method.handler !== "function";
      const ofMethod = counted(
        methodDefinition(method.desc, method.codec),
        book.methodStats(method.desc.parent.typeName, method.desc.name),
        implementation.maxRequestBytes,
      );
      // A message stream serialises by itself, when `send` is called.
      definition[name] = isCallback ? { ...ofMethod, responseSerialize: passThrough } : ofMethod;
      handlers[name] = adapterOf(method, ofMethod, (call) => openCall(book, callers, method, call));
      methods.set(ofMethod.path, method);
    }
    return { definition, implementation: handlers };
  });
  return { services, interceptor: admissionInterceptor(methods, callers, options) };
}

function passThrough(bytes: unknown): Buffer {
  return bytes as Buffer;
}

/** The same definition; whatever kind of call it is, each of its messages passes one of these two once. */
export function counted(
  definition: MethodDefinition,
  stats: MethodStats,
  maxRequestBytes = Number.POSITIVE_INFINITY,
): MethodDefinition {
  const { requestDeserialize, responseSerialize } = definition;
  return {
    ...definition,
    requestDeserialize(bytes) {
      stats.received++;
      if (bytes.length > maxRequestBytes) return new Unreadable(tooLong(bytes.length, maxRequestBytes));
      try {
        return requestDeserialize(bytes);
      } catch (error) {
        return new Unreadable(malformed(messageOf(error), error));
      }
    },
    responseSerialize(message) {
      stats.sent++;
      return responseSerialize(message);
    },
  };
}

function tooLong(sizeBytes: number, maxBytes: number): AssayError {
  return new AssayError("resource_exhausted", `message has ${sizeBytes} bytes, this service takes ${maxBytes}`);
}

function admissionInterceptor(
  methods: ReadonlyMap<string, ImplementedMethod>,
  callers: WeakMap<Metadata, Caller>,
  { authorizer, book, maxMetadataBytes, openStreams }: GrpcOptions,
): ServerInterceptor {
  return (definition, call) => {
    const method = methods.get(definition.path);
    // grpc-js has turned away every path that is not registered, and what is registered is in this map.
    if (method === undefined) throw new Error(`${definition.path} is not served`);
    sendNothingBehindTheEnd(call);
    const admit: MetadataListener = (metadata, next) => {
      const facts = factsOf(call, metadata);
      try {
        checkSize(metadata, maxMetadataBytes);
        const caller = authorizer.admit(facts, method);
        if (method.desc.methodKind !== "unary") openStreams.add(streamOf(call));
        callers.set(metadata, caller);
      } catch (thrown) {
        const error = asAssayError(thrown);
        const caller = { peer: authorizer.peerOf(facts), roles: [] };
        book.open(startOf(method, caller, metadata, call.getDeadline())).end(error);
        call.sendStatus(grpcStatusOf(error));
        return;
      }
      next(metadata);
    };
    // Node's clients end a stream before they reset it, so a cancelled stream of requests begins like one that is complete. The reset
    // follows at once: after two turns of the event loop, the second of which has read the socket again, asking to read makes
    // grpc-js look whether the call is cancelled, and say so before the next tick.
    const endRequests: HalfCloseListener = (next) => {
      const look = () => {
        call.startRead();
        process.nextTick(next);
      };
      setImmediate(() => setImmediate(look));
    };
    const listener = new ServerListenerBuilder().withOnReceiveMetadata(admit);
    if (definition.requestStream) listener.withOnReceiveHalfClose(endRequests);
    return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
  };
}

function checkSize(metadata: Metadata, maxBytes: number): void {
  let bytes = 0;
  for (const [key, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) bytes += key.length + value.length;
  }
  if (bytes <= maxBytes) return;
  throw new AssayError("resource_exhausted", `metadata of ${bytes} bytes: at most ${maxBytes} are taken (--max-metadata-bytes)`);
}

/**
 * grpc-js ends a call by itself where its deadline is over or a message is too long, and then writes what the handler has still queued. Node
 * takes a write behind the end for an error, and neither the status nor the end is ever sent: the call would stay open for as long as its
 * connection.
 */
function sendNothingBehindTheEnd(call: InterceptedCall): void {
  const stream = streamOf(call);
  const sendMessage = call.sendMessage.bind(call);
  // What waits to be sent goes with the call, which is told at once that it is over.
  call.sendMessage = (message, callback) => {
    if (!stream.writableEnded) sendMessage(message, callback);
  };
}

/** What a call is to HTTP/2; the package's types do not have it. */
function streamOf(call: InterceptedCall): ServerHttp2Stream {
  return (call as unknown as { readonly stream: ServerHttp2Stream }).stream;
}

type InterceptedCall = Parameters<ServerInterceptor>[1];
type MetadataListener = Parameters<ServerListenerBuilder["withOnReceiveMetadata"]>[0];
type HalfCloseListener = Parameters<ServerListenerBuilder["withOnReceiveHalfClose"]>[0];

function factsOf(call: InterceptedCall, metadata: Metadata): CallerFacts {
  const { remoteAddress = "", remotePort = 0 } = call.getConnectionInfo();
  const certificate = call.getAuthContext().sslPeerCertificate;
  return { remoteAddress, remotePort, certificate, authorization: textOf(metadata, "authorization") };
}

function startOf(method: ImplementedMethod, caller: Caller, metadata: Metadata, deadline: Deadline): CallStart {
  const deadlineMs = Number(deadline);
  return {
    service: method.desc.parent.typeName,
    method: method.desc.name,
    isStream: method.desc.methodKind !== "unary",
    isTraced: method.isTraced,
    protocol: "grpc",
    caller,
    metadata: readonlyMetadata(metadata),
    deadlineMs: Number.isFinite(deadlineMs) ? deadlineMs : undefined,
  };
}

function openCall(book: CallBook, callers: WeakMap<Metadata, Caller>, method: ImplementedMethod, call: AnyCall): Call {
  const caller = callers.get(call.metadata);
  if (caller === undefined) throw new Error(`${call.getPath()} was not admitted`);
  const opened = book.open(startOf(method, caller, call.metadata, call.getDeadline()));
  // Emitted at every end, also after a status of our own; `abort` means nothing then.
  call.on("cancelled", () => {
    const isLate = Date.now() + DEADLINE_SLACK_MS >= Number(call.getDeadline());
    opened.abort(isLate ? outOfTime() : cancelledByCaller());
  });
  return opened;
}

// The caller's own timer started earlier than ours, so what its deadline looks like here is a reset shortly before ours.
const DEADLINE_SLACK_MS = 50;

function adapterOf(method: ImplementedMethod, definition: MethodDefinition, open: (call: AnyCall) => Call): UntypedHandleCall {
  const { handler } = method;
  if (typeof handler !== "function") return callbackStream(handler, definition, open);
  switch (method.desc.methodKind) {
    case "unary":
      return ((call, answer) => respond(handler, call.request, open(call), answer)) satisfies UnaryAdapter;
    case "client_streaming":
      return ((call, answer) => {
        const opened = open(call);
        respond(handler, messagesOf(call, opened), opened, answer);
      }) satisfies ClientStreamAdapter;
    case "server_streaming":
      return ((call) => streamResponses(handler, call.request, open(call), call)) satisfies ServerStreamAdapter;
    case "bidi_streaming":
      return ((call) => {
        const opened = open(call);
        streamResponses(handler, messagesOf(call, opened), opened, call);
      }) satisfies BidiAdapter;
  }
}

type UnaryAdapter = (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => void;
type ClientStreamAdapter = (call: ServerReadableStream<unknown, unknown>, answer: sendUnaryData<unknown>) => void;
type ServerStreamAdapter = (call: ServerWritableStream<unknown, unknown>) => void;
type BidiAdapter = (call: ServerDuplexStream<unknown, unknown>) => void;
type FunctionHandler = Extract<ErasedHandler, (...args: never) => unknown>;
type StreamHandler = Exclude<ErasedHandler, FunctionHandler>;

function respond(handler: FunctionHandler, input: unknown, call: Call, answer: sendUnaryData<unknown>): void {
  const run = async () => handler(readable(input), call);
  call.within(run).then(
    (response) => {
      if (call.end()) answer(null, response);
    },
    (thrown) => {
      const error = asAssayError(thrown);
      if (call.end(error)) answer(grpcStatusOf(error));
    },
  );
}

function streamResponses(
  handler: FunctionHandler,
  input: unknown,
  call: Call,
  into: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
): void {
  // Headers at once tell the caller that the stream is open, which a quiet stream would not for long.
  into.sendMetadata(new Metadata());
  // A handler of this kind was checked to return an iterable.
  const run = async () => pump(handler(readable(input), call) as AsyncIterable<unknown>, into, call);
  call.within(run).then(
    () => {
      if (call.end()) into.end();
    },
    (thrown) => {
      const error = asAssayError(thrown);
      if (call.end(error)) into.emit("error", grpcStatusOf(error));
    },
  );
}

function callbackStream(handler: StreamHandler, definition: MethodDefinition, open: (call: AnyCall) => Call): BidiAdapter {
  return (duplex) => {
    const call = open(duplex);
    duplex.sendMetadata(new Metadata());
    let outcome: AssayError | undefined;
    let hasSentStatus = false;
    const stream = new DuplexMessageStream<unknown, unknown>(duplex, {
      serialize: (message) => asBuffer(definition.responseSerialize(message)),
      fail(error) {
        outcome = error;
        duplex.emit("error", grpcStatusOf(error));
      },
    });
    // Everything queued and the status are handed over; "cancelled" follows, as at every end.
    duplex.on("finish", () => {
      hasSentStatus = true;
      call.end(outcome);
      stream.settle(outcome);
    });
    call.onAbort((error) => {
      if (!hasSentStatus) stream.settle(error);
    });
    try {
      call.within(() => handler.onStream(stream, call));
    } catch (error) {
      stream.fail(asAssayError(error));
    }
  };
}

function readonlyMetadata(metadata: Metadata): ReadonlyMetadata {
  return { get: (key) => textOf(metadata, key) };
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}
