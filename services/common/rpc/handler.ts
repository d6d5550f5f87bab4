/**
 * What a service implements and what a caller is to it. Handlers are plain functions of messages and know no transport: the
 * same function answers gRPC over HTTP/2 and Connect/JSON or gRPC-web over HTTP/1.1.
 */
import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { AssayError } from "../errors.ts";
import type { Codecs } from "./bridge.ts";

/** What a caller may do: `viewer` reads, `operator` runs (and reads), `member` is a service of the suite. */
export type Role = "viewer" | "operator" | "member";

/** The least role a method asks for (an operator is a viewer too; a member is neither), or a list of which any one will do. */
export type NeededRole = Role | readonly Role[];

/** Reads of a server itself need some role, whichever, from other hosts. */
export const ANY_ROLE: readonly Role[] = ["viewer", "operator", "member"];

/** Who calls, by what was proved. A name from metadata is never an identity. */
export type Identity =
  | { readonly kind: "anonymous" }
  /** A bearer token; `name` is undefined for the suite's own. */
  | { readonly kind: "token"; readonly name?: string | undefined }
  /** A client certificate of the server's own CA. `name` is its common name: for display, never for a decision. */
  | { readonly kind: "certificate"; readonly name: string; readonly fingerprint256: string };

export interface Peer {
  /** `host:port` of the other end of the connection. */
  readonly address: string;
  readonly isLoopback: boolean;
  readonly identity: Identity;
}

/** Request metadata (gRPC) or request headers (HTTP/1.1). */
export interface ReadonlyMetadata {
  /** The first value of a key, case-insensitive; undefined if there is none. Binary keys (`-bin`) are not offered. */
  get(key: string): string | undefined;
}

/** What a handler is told about its call. */
export interface CallContext {
  /** Full name of the service, `assay.dataset.v1.DatasetService`. */
  readonly service: string;
  /** Name of the method as in its proto, `GetDataset`. */
  readonly method: string;
  readonly protocol: "grpc" | "http1";
  readonly peer: Peer;
  /** What this caller holds; all three where the server runs without authentication. */
  readonly roles: readonly Role[];
  readonly metadata: ReadonlyMetadata;
  /** When the caller gives up, in milliseconds of `Date.now()`; undefined = it set no deadline. */
  readonly deadlineMs: number | undefined;
  /**
   * Aborts when the call ends for another reason than the handler: the caller cancelled or is gone, or its deadline is over. The
   * reason is an `AssayError` (`cancelled`, `deadline_exceeded`). Does not abort after an answer.
   */
  readonly signal: AbortSignal;
}

/**
 * One bidirectional stream, for hot paths: callbacks, no promise and no iterator per message. One listener of each kind; setting
 * another replaces it. Reading begins when `onMessage` is set, so no message is lost before that. A listener that throws
 * fails the stream with its error.
 */
export interface MessageStream<In, Out> {
  onMessage(listener: (message: In) => void): void;
  /** The other side has half-closed: no message will follow. Without a listener the stream is ended by `end()`. */
  onEnd(listener: () => void): void;
  /**
   * The stream is over: exactly once, at the next turn if it is over already; no listener is called after it. undefined = ended
   * with status OK; else why it broke (on the client the server's error, or the one given to `fail`).
   */
  onClose(listener: (error: AssayError | undefined) => void): void;
  /** `send` may be called again after it returned false. */
  onDrain(listener: () => void): void;
  /**
   * Serialises the message before it returns, so the message may be reused at once (bytes made by a codec of one's own may not,
   * until the next `drain`). False = the queue is full: what was sent is kept and sent, but wait for `onDrain`; going on regardless
   * grows memory without bound. After `end`, `fail` or the close nothing is sent and the answer is false. Throws if the message
   * cannot be serialised.
   */
  send(message: Out): boolean;
  /** Messages accepted by `send` and not yet handed to HTTP/2. */
  readonly queued: number;
  /** No more messages from here. Server: ends the call with status OK. Client: half-closes. Queued messages are sent first. */
  end(): void;
  /** Ends the call with this error. Server: it becomes the status, after queued messages. Client: cancels at once. */
  fail(error: AssayError): void;
  /** `fail` with `cancelled`. */
  cancel(): void;
  /** Stops reading: the other side's `send` returns false once the flow-control window (4 MiB) and a few messages are full. */
  pause(): void;
  resume(): void;
}

type Kind<D extends DescService, K extends keyof D["method"]> = D["method"][K]["methodKind"];
type Input<D extends DescService, K extends keyof D["method"]> = D["method"][K]["input"] & DescMessage;
type Output<D extends DescService, K extends keyof D["method"]> = D["method"][K]["output"] & DescMessage;

/** What a handler gets: the generated message, or what the method's own codec makes. */
export type ReceivedRequest<D extends DescService, K extends keyof D["method"], C> = C extends {
  readonly [P in K]: { requestDeserialize(bytes: Buffer): infer In };
}
  ? In
  : MessageShape<Input<D, K>>;

/** What a handler gives: a message or its init shape, or what the method's own codec takes. */
export type SentResponse<D extends DescService, K extends keyof D["method"], C> = C extends {
  readonly [P in K]: { responseSerialize(message: infer Out): Uint8Array };
}
  ? Out
  : MessageInitShape<Output<D, K>>;

/** What a client gives: a message or its init shape, or what the method's own codec takes. */
export type SentRequest<D extends DescService, K extends keyof D["method"], C> = C extends {
  readonly [P in K]: { requestSerialize(message: infer In): Uint8Array };
}
  ? In
  : MessageInitShape<Input<D, K>>;

/** What a client gets: the generated message, or what the method's own codec makes. */
export type ReceivedResponse<D extends DescService, K extends keyof D["method"], C> = C extends {
  readonly [P in K]: { responseDeserialize(bytes: Buffer): infer Out };
}
  ? Out
  : MessageShape<Output<D, K>>;

/** The two shapes of a bidi handler: iterables, or callbacks (`onStream`) for hot paths. */
export type BidiHandler<In, Out> =
  | ((requests: AsyncIterable<In>, context: CallContext) => AsyncIterable<Out>)
  | { onStream(stream: MessageStream<In, Out>, context: CallContext): void };

type Handler<Kind, In, Out> = Kind extends "unary"
  ? (request: In, context: CallContext) => Promise<Out> | Out
  : Kind extends "server_streaming"
    ? (request: In, context: CallContext) => AsyncIterable<Out>
    : Kind extends "client_streaming"
      ? (requests: AsyncIterable<In>, context: CallContext) => Promise<Out>
      : BidiHandler<In, Out>;

/**
 * One handler for every method of a service. A returned iterable has its `return` called when the call is aborted, so a
 * generator's `finally` runs; iterables of requests throw the abort reason then.
 */
export type Handlers<D extends DescService, C = Record<never, never>> = {
  readonly [K in keyof D["method"]]: Handler<Kind<D, K>, ReceivedRequest<D, K, C>, SentResponse<D, K, C>>;
};

export interface ImplementOptions<D extends DescService, C extends Codecs<D>> {
  readonly handlers: Handlers<D, C>;
  /** The least role of every method that `roles` does not name. */
  readonly role: NeededRole;
  readonly roles?: { readonly [K in keyof D["method"]]?: NeededRole };
  /** Hand-written codecs of hot methods. A method with one is served over gRPC only. */
  readonly codecs?: C;
  /** Of a request message; what is longer is refused before it is read. Default: what the server takes. */
  readonly maxRequestBytes?: number;
  /** Methods whose calls are no spans: those that live as long as a process. */
  readonly untraced?: readonly (keyof D["method"])[];
}

/** A service with its handlers, as a server takes it; made by `implement`. */
export interface Implementation {
  readonly desc: DescService;
  /** Undefined: what the server takes. */
  readonly maxRequestBytes: number | undefined;
  readonly methods: ReadonlyMap<string, ImplementedMethod>;
}

export interface ImplementedMethod {
  /** `assay.dataset.v1.DatasetService/GetDataset` */
  readonly name: string;
  readonly desc: DescService["methods"][number];
  readonly handler: ErasedHandler;
  readonly roles: readonly Role[];
  readonly hasCodec: boolean;
  readonly codec: Codecs<DescService>[string];
  /** Open to everyone on this host, whatever `roles` says: health and reflection. */
  readonly isOpenOnLoopback: boolean;
  /** Its calls are spans where the server traces. */
  readonly isTraced: boolean;
}

/** A handler whose message types were checked when it was given to `implement`. */
export type ErasedHandler =
  | ((input: unknown, context: CallContext) => unknown)
  | { onStream(stream: MessageStream<unknown, unknown>, context: CallContext): void };

/**
 * Joins a service descriptor and its handlers, checked against each other by type. Methods are keyed by their local names
 * (`getDataset`).
 */
export function implement<D extends DescService, const C extends Codecs<D> = Record<never, never>>(
  desc: D,
  options: ImplementOptions<D, C>,
): Implementation {
  return implementErased(desc, options, false);
}

/** As `implement`, for what every server offers: callers on this host need no role. */
export function implementOpenOnLoopback<D extends DescService>(
  desc: D,
  options: ImplementOptions<D, Record<never, never>>,
): Implementation {
  return implementErased(desc, options, true);
}

interface ErasedOptions {
  readonly handlers: object;
  readonly role: NeededRole;
  readonly roles?: object;
  readonly codecs?: object;
  readonly maxRequestBytes?: number;
  readonly untraced?: readonly PropertyKey[];
}

function implementErased(desc: DescService, options: ErasedOptions, isOpenOnLoopback: boolean): Implementation {
  // The message types were checked by `Handlers<D, C>`; a server keeps handlers of many services in one table.
  const handlers = options.handlers as Readonly<Record<string, ErasedHandler>>;
  const roles = (options.roles ?? {}) as Readonly<Record<string, NeededRole | undefined>>;
  const codecs = (options.codecs ?? {}) as Codecs<DescService>;
  const methods = new Map<string, ImplementedMethod>();
  for (const method of desc.methods) {
    const handler = handlers[method.localName];
    if (handler === undefined) throw new TypeError(`no handler for ${desc.typeName}/${method.name}`);
    const codec = codecs[method.localName];
    const needed = roles[method.localName] ?? options.role;
    methods.set(method.localName, {
      name: `${desc.typeName}/${method.name}`,
      desc: method,
      handler,
      codec,
      hasCodec: codec !== undefined,
      roles: typeof needed === "string" ? [needed] : needed,
      isOpenOnLoopback,
      // What every server offers is asked all day by what watches it, and tells nothing of a run.
      isTraced: !isOpenOnLoopback && options.untraced?.includes(method.localName) !== true,
    });
  }
  return { desc, methods, maxRequestBytes: options.maxRequestBytes };
}
