/** Typed clients of any service, over grpc-js: promises, iterables, and message streams for bidi. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream, Metadata, ServiceError } from "@grpc/grpc-js";
import { AssayError, messageOf } from "../errors.ts";
import { noSpan, type Span } from "../observe/tracing.ts";
import { asBuffer, type Codecs, type MethodDefinition, methodDefinition } from "./bridge.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import type { MessageStream, ReceivedResponse, SentRequest } from "./handler.ts";
import { DuplexMessageStream } from "./message-stream.ts";
import { asAssayError, errorOfGrpcStatus, statusNameOf } from "./status.ts";
import { type Abortable, pump } from "./stream-pump.ts";

export interface CallOptions {
  /** Cancels the call; it ends with `cancelled`, its `cause` being the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the whole call may take, sent along as its deadline. Default 10 000 for unary calls, none for streams. */
  readonly timeoutMs?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Waits for a connection (until the deadline) where the call would otherwise fail at once with `unavailable`. */
  readonly waitForReady?: boolean;
  /** False: the call is no span, on a channel that traces. Default: true. */
  readonly isTraced?: boolean;
}

export interface StreamOptions extends CallOptions {
  /** How long the server may take to accept the stream before it ends with `deadline_exceeded`. Default 10 000. */
  readonly openTimeoutMs?: number;
}

type ClientMethod<Kind, In, Out> = Kind extends "unary"
  ? (request: In, options?: CallOptions) => Promise<Out>
  : Kind extends "server_streaming"
    ? (request: In, options?: StreamOptions) => AsyncIterable<Out>
    : Kind extends "client_streaming"
      ? (requests: AsyncIterable<In> | Iterable<In>, options?: CallOptions) => Promise<Out>
      : (options?: StreamOptions) => MessageStream<Out, In>;

/**
 * A client of one service. Every call fails with an `AssayError`, the server's own (code, message, reason, metadata, violations)
 * where it made one; what an iterable of requests throws comes out as it is. Calling on a closed channel fails with `unavailable`
 * (a message stream: throws it). A server-streaming call starts when its iterable is iterated, each iteration is one call, and leaving
 * the loop cancels it. `close` closes the connection if the client opened it itself.
 */
export type Client<D extends DescService, C = Record<never, never>> = {
  readonly [K in keyof D["method"]]: ClientMethod<D["method"][K]["methodKind"], SentRequest<D, K, C>, ReceivedResponse<D, K, C>>;
} & { close(): void };

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Makes a client, on a channel shared with others or on one of its own. Connects at the first call. `codecs` are hand-written codecs
 * of hot methods, by local name.
 */
export function createClient<D extends DescService, const C extends Codecs<D> = Record<never, never>>(
  desc: D,
  target: Channel | ChannelOptions,
  codecs?: C,
): Client<D, C> {
  const channel = target instanceof Channel ? target : new Channel(target);
  const byName = (codecs ?? {}) as Codecs<DescService>;
  const client: Record<string, unknown> = {
    close: () => {
      if (channel !== target) channel.close();
    },
  };
  for (const method of desc.methods) {
    client[method.localName] = callerOf(method, new Caller(channel, methodDefinition(method, byName[method.localName])));
  }
  // Built from the very descriptor that the type is computed from.
  return client as Client<D, C>;
}

function callerOf(method: DescMethod, caller: Caller): unknown {
  switch (method.methodKind) {
    case "unary":
      return (request: unknown, options: CallOptions = {}) => caller.unary(request, options);
    case "server_streaming":
      return (request: unknown, options: StreamOptions = {}) => caller.serverStream(request, options);
    case "client_streaming":
      return (requests: AsyncIterable<unknown>, options: CallOptions = {}) => caller.clientStream(requests, options);
    case "bidi_streaming":
      return (options: StreamOptions = {}) => caller.bidi(options);
  }
}

/** What all kinds of grpc-js calls have. */
interface Cancellable {
  cancel(): void;
}

/** Makes the calls of one method. */
class Caller {
  readonly #channel: Channel;
  readonly #method: MethodDefinition;
  readonly #attempt: string;

  constructor(channel: Channel, method: MethodDefinition) {
    this.#channel = channel;
    this.#method = method;
    this.#attempt = `calling ${method.path.slice(1)} at ${channel.address}`;
  }

  unary(request: unknown, options: CallOptions): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    return this.#answer(options, (metadata, callOptions, answer) =>
      this.#channel.grpc.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, callOptions, answer),
    );
  }

  clientStream(requests: AsyncIterable<unknown> | Iterable<unknown>, options: CallOptions): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const cut = new Cut();
    return this.#answer({ timeoutMs: Number.POSITIVE_INFINITY, ...options }, (metadata, callOptions, answer) => {
      const call: ClientWritableStream<unknown> = this.#channel.grpc.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        callOptions,
        (error: ServiceError | null, response?: unknown) => {
          // The server may answer before it has read everything: nothing more is asked of the iterable then.
          cut.abort(new AssayError("cancelled", `${this.#attempt}: the call is over`));
          answer(cut.source ?? error, response);
        },
      );
      pump(requests, call, cut).then(
        () => call.end(),
        (error) => {
          if (cut.abortError !== undefined) return;
          cut.source = error;
          call.cancel();
        },
      );
      return call;
    });
  }

  async *serverStream(request: unknown, options: StreamOptions): AsyncGenerator<unknown> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const { signal } = options;
    this.#throwIfAborted(signal);
    const span = this.#span(options);
    const call: ClientReadableStream<unknown> = this.#open(span, () =>
      this.#channel.grpc.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata(options, span),
        deadlineOf(options.timeoutMs),
      ),
    );
    call.on("status", (status) => endSpan(span, status.code === 0 ? undefined : errorOfGrpcStatus(status, this.#attempt)));
    const opening = this.#watchOpening(call, options, () => call.cancel());
    // Once the loop is left nobody hears the status, and an "error" event without a listener would end the process.
    call.on("error", () => {});
    const stopListening = cancelOnAbort(signal, call);
    try {
      yield* call;
    } catch (error) {
      throw opening.error() ?? this.#errorOf(error, signal);
    } finally {
      opening.stop();
      stopListening();
      call.cancel();
    }
  }

  bidi(options: StreamOptions): MessageStream<unknown, unknown> {
    const hasEndOfItsOwn = options.signal !== undefined || options.timeoutMs !== undefined;
    return (hasEndOfItsOwn ? undefined : this.#channel.own?.open(this.#method)) ?? this.#bidiOverGrpc(options);
  }

  #bidiOverGrpc(options: StreamOptions): MessageStream<unknown, unknown> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const { signal } = options;
    const span = this.#span(options);
    const call: ClientDuplexStream<unknown, unknown> = this.#open(span, () =>
      this.#channel.grpc.makeBidiStreamRequest(
        path,
        passThrough,
        responseDeserialize,
        this.#metadata(options, span),
        deadlineOf(options.timeoutMs),
      ),
    );
    let failure: AssayError | undefined;
    const stream = new DuplexMessageStream<unknown, unknown>(call, {
      serialize: (message) => asBuffer(requestSerialize(message)),
      fail(error) {
        failure ??= error;
        call.cancel();
      },
    });
    const opening = this.#watchOpening(call, options, (error) => stream.fail(error));
    const onAbort = () => stream.fail(this.#cancelledBy(signal));
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    // The status event comes with every end; an "error" event that nobody hears would end the process.
    call.on("error", () => {});
    call.on("status", (status) => {
      opening.stop();
      signal?.removeEventListener("abort", onAbort);
      const error = failure ?? (status.code === 0 ? undefined : errorOfGrpcStatus(status, this.#attempt));
      endSpan(span, error);
      if (failure === undefined) stream.settleAfterMessages(error);
      else stream.settle(error);
    });
    return stream;
  }

  #answer(
    options: CallOptions,
    start: (
      metadata: Metadata,
      callOptions: { deadline?: number },
      answer: (error: unknown, response?: unknown) => void,
    ) => Cancellable,
  ): Promise<unknown> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      this.#throwIfAborted(signal);
      const span = this.#span(options);
      let stopListening: (() => void) | undefined;
      const call = this.#open(span, () =>
        start(this.#metadata(options, span), deadlineOf(timeoutMs), (error, response) => {
          stopListening?.();
          if (error === null || error === undefined) {
            endSpan(span, undefined);
            resolve(response);
            return;
          }
          const failure = this.#errorOf(error, signal);
          endSpan(span, asAssayError(failure));
          reject(failure);
        }),
      );
      stopListening = cancelOnAbort(signal, call);
    });
  }

  // Starting a call throws only where the channel was closed or the metadata is not sendable.
  #open<T>(span: Span, start: () => T): T {
    try {
      return start();
    } catch (thrown) {
      const error = new AssayError("unavailable", `${this.#attempt}: ${messageOf(thrown)}`, { cause: thrown });
      endSpan(span, error);
      throw error;
    }
  }

  #span({ isTraced = true }: CallOptions): Span {
    const { tracer, address } = this.#channel;
    if (!tracer.isOn || !isTraced) return noSpan;
    const method = this.#method.path.slice(1);
    const port = Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
    return tracer.start(method, {
      kind: "client",
      attributes: {
        "rpc.system.name": "grpc",
        "rpc.method": method,
        "server.address": address.replace(/:\d+$/, ""),
        "server.port": port,
      },
    });
  }

  #metadata({ metadata, waitForReady }: CallOptions, { carrier }: Span): Metadata {
    return this.#channel.metadata({ ...carrier, ...metadata }, waitForReady);
  }

  // A stream has no deadline, so an address where nobody answers would hold it for as long as TCP tries.
  #watchOpening(
    call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>,
    { openTimeoutMs = DEFAULT_TIMEOUT_MS }: StreamOptions,
    onLate: (error: AssayError) => void,
  ): { stop(): void; error(): AssayError | undefined } {
    let late: AssayError | undefined;
    const timer = setTimeout(() => {
      late = new AssayError("deadline_exceeded", `${this.#attempt}: no answer within ${openTimeoutMs} ms`);
      onLate(late);
    }, openTimeoutMs);
    const stop = () => clearTimeout(timer);
    call.once("metadata", stop);
    return { stop, error: () => late };
  }

  #throwIfAborted(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw this.#cancelledBy(signal);
  }

  #cancelledBy(signal: AbortSignal | undefined): AssayError {
    return new AssayError("cancelled", `${this.#attempt}: cancelled by the caller`, { cause: signal?.reason });
  }

  #errorOf(error: unknown, signal: AbortSignal | undefined): unknown {
    if (!isServiceError(error)) return error;
    const isCancelled = signal?.aborted === true && error.code === CANCELLED;
    return isCancelled ? this.#cancelledBy(signal) : errorOfGrpcStatus(error, this.#attempt, error);
  }
}

function endSpan(span: Span, error: AssayError | undefined): void {
  span.set({ "rpc.response.status_code": statusNameOf(error) });
  // Most streams are ended so by their own side, when they have done their work.
  span.end(error?.code === "cancelled" ? undefined : error);
}

const CANCELLED = 1;

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

/** The end of a client-streaming call, as its pump sees it. */
class Cut implements Abortable {
  abortError: AssayError | undefined;
  /** What the iterable of requests threw: the true reason of the cancelled call. */
  source: unknown;
  #listener: ((error: AssayError) => void) | undefined;

  onAbort(listener: (error: AssayError) => void): void {
    this.#listener = listener;
  }

  abort(error: AssayError): void {
    this.abortError ??= error;
    this.#listener?.(error);
  }
}

function passThrough(bytes: unknown): Buffer {
  // `MessageStream.send` serialises.
  return bytes as Buffer;
}

function deadlineOf(timeoutMs: number | undefined): { deadline?: number } {
  return timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + timeoutMs };
}

function cancelOnAbort(signal: AbortSignal | undefined, call: Cancellable): () => void {
  if (signal === undefined) return () => {};
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}
