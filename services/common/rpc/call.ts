/** The life of every call on a server: its context, the reason it ended, one log line, the counters and its span. */
import { monotonicNs } from "../clock.ts";
import { AssayError, type ErrorCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { type Carrier, noSpan, noTracer, type Span, type Tracer } from "../observe/tracing.ts";
import type { Caller } from "./auth.ts";
import type { CallContext, ImplementedMethod, Peer, ReadonlyMetadata, Role } from "./handler.ts";
import { MethodStats } from "./method-stats.ts";
import { statusNameOf } from "./status.ts";

/** Calls of one server since it was made. `started = open + succeeded + the sum of failed`. */
export interface RpcStats {
  readonly started: number;
  readonly succeeded: number;
  /** Calls that ended with an error, by code. */
  readonly failed: Readonly<Partial<Record<ErrorCode, number>>>;
  readonly open: number;
  /** Those of `open` that stream in at least one direction. */
  readonly openStreams: number;
}

export interface CallStart {
  readonly service: string;
  readonly method: string;
  readonly isStream: boolean;
  readonly isTraced: boolean;
  readonly protocol: CallContext["protocol"];
  readonly caller: Caller;
  readonly metadata: ReadonlyMetadata;
  readonly deadlineMs: number | undefined;
}

/** One call while it runs. Ends once: by the handler (`end`) or from outside (`abort`), whichever is first. */
export class Call implements CallContext {
  readonly service: string;
  readonly method: string;
  readonly protocol: CallContext["protocol"];
  readonly peer: Peer;
  readonly roles: readonly Role[];
  readonly metadata: ReadonlyMetadata;
  readonly deadlineMs: number | undefined;
  readonly #onEnd: (error: AssayError | undefined) => void;
  readonly #span: Span;
  #hasEnded = false;
  #abortError: AssayError | undefined;
  #controller: AbortController | undefined;
  readonly #abortListeners = new Set<(error: AssayError) => void>();

  constructor(start: CallStart, span: Span, onEnd: (error: AssayError | undefined) => void) {
    this.service = start.service;
    this.method = start.method;
    this.protocol = start.protocol;
    this.peer = start.caller.peer;
    this.roles = start.caller.roles;
    this.metadata = start.metadata;
    this.deadlineMs = start.deadlineMs;
    this.#span = span;
    this.#onEnd = onEnd;
  }

  /** Runs what handles the call: spans that begin in it are parts of the call's. */
  within<Result>(work: () => Result): Result {
    return this.#span.within(work);
  }

  // Made on demand: most unary handlers never look, and an AbortController costs more than the rest of a call's context.
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortError !== undefined) this.#controller.abort(this.#abortError);
    }
    return this.#controller.signal;
  }

  /** Why the call was cut; undefined while it was not. */
  get abortError(): AssayError | undefined {
    return this.#abortError;
  }

  /** Calls back if the call is aborted, at once if it was. Returns what takes the listener away again. */
  onAbort(listener: (error: AssayError) => void): () => void {
    if (this.#abortError !== undefined) listener(this.#abortError);
    else if (!this.#hasEnded) this.#abortListeners.add(listener);
    return () => this.#abortListeners.delete(listener);
  }

  /** The handler is done, with this error or none. False: the call was over before, and nobody waits for the outcome. */
  end(error?: AssayError): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    this.#abortListeners.clear();
    this.#onEnd(error);
    return true;
  }

  /** The caller is gone or out of time. After the end this means nothing. */
  abort(error: AssayError): void {
    if (this.#hasEnded) return;
    this.#abortError = error;
    const listeners = [...this.#abortListeners];
    this.end(error);
    for (const listener of listeners) listener(error);
    this.#controller?.abort(error);
  }
}

/** The calls of one server: opens them, logs their ends at debug (internal errors at warn, with their cause), counts and traces them. */
export class CallBook {
  readonly #log: Logger;
  readonly #tracer: Tracer;
  readonly #methods = new Map<string, MethodStats>();
  #started = 0;
  #succeeded = 0;
  #open = 0;
  #openStreams = 0;
  readonly #failed: Partial<Record<ErrorCode, number>> = {};

  constructor(log: Logger, tracer: Tracer = noTracer) {
    this.#log = log;
    this.#tracer = tracer;
  }

  open(start: CallStart): Call {
    const startNs = monotonicNs();
    const method = this.methodStats(start.service, start.method);
    const span = this.#spanOf(start);
    this.#started++;
    this.#open++;
    method.started++;
    if (start.isStream) {
      this.#openStreams++;
      method.openStreams++;
    }
    return new Call(start, span, (error) => {
      const durationMs = (monotonicNs() - startNs) / 1e6;
      this.#open--;
      if (start.isStream) {
        this.#openStreams--;
        method.openStreams--;
      }
      this.#count(error);
      method.ended(error?.code ?? "ok", durationMs / 1000);
      span.set({ "rpc.response.status_code": statusNameOf(error) });
      span.end(error !== undefined && serverFaults.has(error.code) ? error : undefined);
      this.#write(start, error, durationMs);
    });
  }

  /** The counts of a method, made at the first question. Whoever moves its messages counts them here. */
  methodStats(service: string, method: string): MethodStats {
    const key = `${service}/${method}`;
    let stats = this.#methods.get(key);
    if (stats === undefined) {
      stats = new MethodStats(service, method);
      this.#methods.set(key, stats);
    }
    return stats;
  }

  methods(): IterableIterator<MethodStats> {
    return this.#methods.values();
  }

  stats(): RpcStats {
    return {
      started: this.#started,
      succeeded: this.#succeeded,
      failed: { ...this.#failed },
      open: this.#open,
      openStreams: this.#openStreams,
    };
  }

  #spanOf({ service, method, isTraced, protocol, caller, metadata }: CallStart): Span {
    if (!this.#tracer.isOn || !isTraced) return noSpan;
    return this.#tracer.start(`${service}/${method}`, {
      kind: "server",
      remoteParent: carrierOf(metadata),
      attributes: {
        "rpc.system.name": protocol === "grpc" ? "grpc" : "connectrpc",
        "rpc.method": `${service}/${method}`,
        "client.address": caller.peer.address,
      },
    });
  }

  #count(error: AssayError | undefined): void {
    if (error === undefined) this.#succeeded++;
    else this.#failed[error.code] = (this.#failed[error.code] ?? 0) + 1;
  }

  #write(start: CallStart, error: AssayError | undefined, durationMs: number): void {
    const { service, method, protocol, caller } = start;
    const fields = { service, method, protocol, peer: caller.peer.address, durationMs, status: error?.code ?? "ok" };
    if (error === undefined) this.#log.debug("call ended", fields);
    else if (error.code === "internal") this.#log.warn("call failed", { ...fields, error: error.message, cause: stackOf(error) });
    else this.#log.debug("call ended", { ...fields, error: error.message });
  }
}

function stackOf(error: AssayError): string | undefined {
  return error.cause instanceof Error ? error.cause.stack : error.stack;
}

/** The error of a call whose caller went away or cancelled. */
export function cancelledByCaller(): AssayError {
  return new AssayError("cancelled", "cancelled by the caller");
}

/** The error of a call whose deadline is over. */
export function outOfTime(): AssayError {
  return new AssayError("deadline_exceeded", "the caller's deadline is over");
}

/** What is known of a call over HTTP/1.1 at its start. */
export function http1Start(
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
    isTraced: method.isTraced,
    protocol: "http1",
    caller,
    metadata,
    deadlineMs,
  };
}

function carrierOf(metadata: ReadonlyMetadata): Carrier {
  const [traceparent, tracestate] = [metadata.get("traceparent"), metadata.get("tracestate")];
  if (traceparent === undefined) return {};
  return { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
}

/** Ends of a call that are a fault of the server, by OpenTelemetry's conventions for gRPC; the others are the caller's affair. */
const serverFaults: ReadonlySet<ErrorCode> = new Set([
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
]);
