/** The library `assay` for Node: typed clients of a running suite. Messages are those of `assay/gen`, documented in `assay/proto`. */
import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { RunSpecSchema } from "assay/gen/assay/common/v1/run_spec_pb.js";
import type { Run } from "assay/gen/assay/controller/v1/controller_pb.js";
import type {
  AdjustPhaseSchema,
  DriveRunResponse,
  RunService,
  SuiteService,
} from "assay/gen/assay/controller/v1/controller_service_pb.js";
import type { MetricRecord } from "assay/gen/assay/records_manager/v1/record_pb.js";
import type {
  RecordsManagerService,
  StreamRecordsRequestSchema,
  SummarizeRecordsRequestSchema,
  SummarizeRecordsResponse,
} from "assay/gen/assay/records_manager/v1/records_manager_service_pb.js";

/**
 * Connects to a suite that runs, as `assay serve` starts one, and asks it who its members are. Rejects with an `AssayError`:
 * `unavailable` where nobody answers, `unauthenticated` for a wrong token, `deadline_exceeded` after `timeoutMs`, `cancelled` when
 * `signal` aborts, `invalid_argument` for an address that is none and files that cannot be used, `not_found` and `failed_precondition` where it is to be found and no suite
 * or several of them run. The caller closes the suite.
 */
export declare function connect(options?: ConnectOptions): Promise<Suite>;

export interface ConnectOptions {
  /** Of the suite's controller, `host:port`. Absent: of the one suite of this user that runs on this host, whose token and authority are read. */
  readonly address?: string | undefined;
  /** The suite's token; `assay serve` says which file holds it. Absent, with `tokenFile`, for an address: the suite asks for none. */
  readonly token?: string | undefined;
  /** In place of `token` the file that holds it, read again within a second or two of being replaced: the next call has the new one. */
  readonly tokenFile?: string | undefined;
  /** Absent: plaintext. */
  readonly tls?: ClientTls | undefined;
  /** Permits that the token goes in clear to another host, which is refused (`failed_precondition`) otherwise. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  /** How long connecting may take, in ms. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * PEM texts, or the paths of files with them, which are read again within a second or two of being replaced: new connections go by the new
 * ones, open ones stay. What cannot be used is left aside as long as it is so, and at first refused (`invalid_argument`).
 */
export interface ClientTls {
  /** The CA of the suite's certificates. Default: the public CAs. */
  readonly ca?: string | Uint8Array;
  readonly caFile?: string;
  /** Own certificate and key, for suites that ask for one. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly certFile?: string;
  readonly keyFile?: string;
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
  /**
   * Creates a run, and resolves once it is accepted; a spec that names a file is read before. It belongs to this program: it ends when the
   * loop over it is left, when `signal` aborts and when the connection breaks, unless it is to be kept. Rejects as `createRun` does; a creation
   * that nobody answered is not asked for again, but looked for by its id.
   */
  run(spec: RunSpecInit, options?: RunOptions): Promise<DrivenRun>;
  /**
   * Follows and steers a run that goes on, whoever created it; one that has ended is told once. Leaving it leaves it alone, and a broken
   * stream is opened again. Rejects with `not_found`.
   */
  attach(runId: string, options?: DriveOptions): Promise<DrivenRun>;
  /** Statistics of a run. */
  summaryOf(runId: string, wishes?: SummaryWishes, options?: CallOptions): Promise<SummarizeRecordsResponse>;
  /** What was measured of each request of a run, as fast as it is taken; leaving the loop ends the call. */
  recordsOf(runId: string, wishes?: RecordsWishes, options?: StreamOptions): AsyncIterable<MeasuredRequest>;
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

/** A RunSpec as plain objects of what is set. */
export type RunSpecInit = MessageInitShape<typeof RunSpecSchema>;

export interface DriveOptions {
  /** Longest pause between two messages of its progress, in ms; at least 50. Default 500. */
  readonly intervalMs?: number | undefined;
  /** Who drives, for the run's timeline. Default: a client. */
  readonly requestedBy?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * How long a stream that is opened again may be without a message, in ms, before its loop throws the last error, with `SUITE_SILENT` as its
   * `reason`: the run may go on. Default 60 000.
   */
  readonly silenceMs?: number | undefined;
  /** The stream broke, and is opened again from now on. Called once until there is progress again. */
  readonly onBroken?: ((error: AssayError) => void) | undefined;
}

export interface RunOptions extends DriveOptions {
  /** Wished for; absent: given. */
  readonly runId?: string | undefined;
  /** The run goes on when nobody follows it any more, and a broken stream is opened again. */
  readonly isKept?: boolean | undefined;
}

/** What is to be changed of the phase that runs, or of the one that is named. */
export type LoadChange = Omit<Exclude<MessageInitShape<typeof AdjustPhaseSchema>, { $typeName: string }>, "$typeName">;

/**
 * A run that is driven. Iterating, which can be done once, gives its progress: the run now, and what happened since the message before; the
 * last message has its last state.
 */
export interface DrivenRun extends AsyncIterable<DriveRunResponse> {
  readonly id: string;
  /** The run as it was told last. */
  readonly now: Run;
  /**
   * Asks for another load. What was done is among the events, what was not among the `refusals` of the next progress. False: there is no
   * stream at the moment, and nothing is asked for.
   */
  adjust(change: LoadChange): boolean;
  /** Asks for the end of the run, whose progress goes on until then. False: there is no stream at the moment; it is asked for on the next one. */
  cancel(reason?: string): boolean;
  /** Statistics, at any time. */
  summary(wishes?: SummaryWishes, options?: CallOptions): Promise<SummarizeRecordsResponse>;
  /** What was measured of each request, as far as it is committed. */
  records(wishes?: RecordsWishes, options?: StreamOptions): AsyncIterable<MeasuredRequest>;
  /** Leaves the run, as leaving the loop does. */
  close(): void;
}

/** Fields of SummarizeRecordsRequest. */
export type SummaryWishes = Wishes<typeof SummarizeRecordsRequestSchema>;
/** Fields of StreamRecordsRequest; `fields` are names of fields of MetricRecord. */
export type RecordsWishes = Omit<Wishes<typeof StreamRecordsRequestSchema>, "fields"> & { readonly fields?: readonly string[] };

type Wishes<D extends DescMessage> = Omit<Exclude<MessageInitShape<D>, { $typeName: string }>, "$typeName" | "runId">;

/** One request: its record, and its metrics by tag, those that it has. */
export interface MeasuredRequest {
  readonly record: MetricRecord;
  readonly metrics: Readonly<Record<string, number>>;
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
