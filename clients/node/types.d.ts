/** The library `assay` for Node: typed clients of a running suite. Messages are those of `assay/gen`, documented in `assay/proto`. */
import type { DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { RunService, SuiteService } from "assay/gen/assay/controller/v1/controller_service_pb.js";
import type { RecordsManagerService } from "assay/gen/assay/records_manager/v1/records_manager_service_pb.js";

/**
 * Connects to a suite that runs, as `assay serve` starts one, and asks it who its members are. Rejects with an `AssayError`:
 * `unavailable` where nobody answers, `unauthenticated` for a wrong token, `deadline_exceeded` after `timeoutMs`, `cancelled` when
 * `signal` aborts, `invalid_argument` for an address that is none. The caller closes the suite.
 */
export declare function connect(options: ConnectOptions): Promise<Suite>;

export interface ConnectOptions {
  /** Of the suite's controller, `host:port`. */
  readonly address: string;
  /** The suite's token; `assay serve` says which file holds it. Absent: for a suite that asks for none. */
  readonly token?: string | undefined;
  /** Absent: plaintext. */
  readonly tls?: ClientTls | undefined;
  /** Permits that the token goes in clear to another host, which is refused (`failed_precondition`) otherwise. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  /** How long connecting may take, in ms. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** PEM texts. */
export interface ClientTls {
  /** The CA of the suite's certificates. Default: the public CAs. */
  readonly ca?: string | Uint8Array;
  /** Own certificate and key, for suites that ask for one. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the certificates have, if it is not the address dialled. */
  readonly serverName?: string;
}

/** A suite as a client sees it. Its connections are shared by all of its clients and made when they are used. */
export interface Suite {
  /** Of the controller. */
  readonly address: string;
  /** Version of Assay that the controller is of. */
  readonly version: string;
  /** Runs: create, watch, cancel, list, delete. */
  readonly runs: Client<typeof RunService>;
  /** The suite itself: its members and what they use. */
  readonly suite: Client<typeof SuiteService>;
  /** Results: rows, statistics, the run over time, files. `client(RecordsManagerService)`. */
  records(options?: CallOptions): Promise<Client<typeof RecordsManagerService>>;
  /**
   * A client of any service of the suite, by its descriptor in `assay/gen`, at the member that serves it now. Rejects with
   * `unavailable` where no member does, `invalid_argument` for a service that is no suite's, and as any call does.
   */
  client<D extends DescService>(service: D, options?: CallOptions): Promise<Client<D>>;
  /** Closes its connections: running calls end with an error, and no further ones can be made. */
  close(): void;
}

export interface CallOptions {
  /** Cancels the call; it ends with `cancelled`, its `cause` being the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the whole call may take, in ms, sent along as its deadline. Default 10 000 for unary calls, none for streams. */
  readonly timeoutMs?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Waits for a connection (until the deadline) where the call would otherwise fail at once with `unavailable`. */
  readonly waitForReady?: boolean;
}

export interface StreamOptions extends CallOptions {
  /** How long the suite may take to accept the stream, in ms, before it ends with `deadline_exceeded`. Default 10 000. */
  readonly openTimeoutMs?: number;
}

/**
 * A client of one service: a function for each RPC. Requests are plain objects of what is set. Every call fails with an `AssayError`,
 * the service's own where it made one. A server-streaming call starts when its iterable is iterated, and leaving the loop cancels it.
 */
export type Client<D extends DescService> = { readonly [K in keyof D["method"]]: Call<D["method"][K]> };

type Call<
  M extends DescMethod,
  In = MessageInitShape<M["input"]>,
  Out = MessageShape<M["output"]>,
> = M["methodKind"] extends "unary"
  ? (request: In, options?: CallOptions) => Promise<Out>
  : M["methodKind"] extends "server_streaming"
    ? (request: In, options?: StreamOptions) => AsyncIterable<Out>
    : M["methodKind"] extends "client_streaming"
      ? (requests: AsyncIterable<In> | Iterable<In>, options?: CallOptions) => Promise<Out>
      : (options?: StreamOptions) => MessageStream<Out, In>;

/** One bidirectional stream. One listener of each kind; setting another replaces it. */
export interface MessageStream<In, Out> {
  /** Reading begins when this is set. */
  onMessage(listener: (message: In) => void): void;
  /** No message will follow. Without a listener the stream is ended by `end()`. */
  onEnd(listener: () => void): void;
  /** The stream is over, exactly once; undefined: with status OK. */
  onClose(listener: (error: AssayError | undefined) => void): void;
  /** `send` may be called again after it returned false. */
  onDrain(listener: () => void): void;
  /** False: what was sent is kept and sent, but wait for `onDrain`. After `end`, `fail` or the close nothing is sent. */
  send(message: Out): boolean;
  /** Messages accepted by `send` and not yet on their way. */
  readonly queued: number;
  /** No more messages from here; queued ones are sent first. */
  end(): void;
  /** Cancels the call; `onClose` gets this error. */
  fail(error: AssayError): void;
  /** `fail` with `cancelled`. */
  cancel(): void;
  pause(): void;
  resume(): void;
}

export type ErrorCode =
  | "invalid_argument"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "unauthenticated"
  | "failed_precondition"
  | "resource_exhausted"
  | "deadline_exceeded"
  | "cancelled"
  | "aborted"
  | "unimplemented"
  | "unavailable"
  | "data_loss"
  | "internal";

/** One field that is wrong: its path in the message (`phases[0].load.rate_per_sec`) and what was expected, with the offending value. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** What every failed call throws. */
export declare class AssayError extends Error {
  readonly code: ErrorCode;
  /** UPPER_SNAKE, for programs. */
  readonly reason: string;
  /** The message's dynamic parts, for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every field of the request that is wrong. */
  readonly violations: readonly FieldViolation[];
  constructor(
    code: ErrorCode,
    message: string,
    options?: {
      readonly cause?: unknown;
      readonly reason?: string;
      readonly metadata?: Readonly<Record<string, string>>;
      readonly violations?: readonly FieldViolation[];
    },
  );
}
