/**
 * How a worker reaches a target. One implementation a file. A transport knows connections, bytes and moments; it knows
 * nothing of turns, chunks or tokens.
 */
import type { RequestError } from "../../../endpoints/outcome.ts";
import type { MonotonicNs } from "../../common/clock.ts";

/** One request, ready to go out. The transport does not change and does not keep it. */
export interface WireRequest {
  /** Target by index in the spec. */
  readonly target: number;
  /** Absent: POST. A GET has no body. */
  readonly method?: "GET";
  readonly path: string;
  /** Name, value, name, value. */
  readonly headers: string[];
  readonly body: Buffer;
  /**
   * Set: the request goes on the connection that this session has to the target, however long it has rested, and no other
   * session's request does; it is opened, or taken from those that stand free, where the session has none.
   */
  readonly session?: string | undefined;
}

/**
 * What happens to one request, in this order: `mayWrite` and `onSent` once the request is handed to an open connection, `onHead`, any
 * number of `onBody`, then exactly one of `onEnd` and `onFailure`. `onFailure` may come at any point, also first.
 * Every method gets the moment, read before anything else was done with the event.
 */
export interface ResponseHandler {
  /** Asked right before the write. False: the request is not written and fails with `fenced`. */
  mayWrite(): boolean;
  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void;
  onHead(atNs: MonotonicNs, status: number, contentType: string, headers?: ResponseHeaders): void;
  /** `chunk` is valid during the call only. */
  onBody(atNs: MonotonicNs, chunk: Buffer): void;
  onEnd(atNs: MonotonicNs): void;
  onFailure(atNs: MonotonicNs, error: RequestError): void;
}

/** By name in lower case. Valid during the call only. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Told how connections are opened, failed ones too; for who shows it. */
export interface ConnectionWatcher {
  /** `remoteAddress` is empty before TCP stands. */
  onStep(step: "start" | "resolved" | "connected" | "secured", atNs: MonotonicNs, remoteAddress: string): void;
}

export interface ConnectionFacts {
  /** It carried a request before. */
  readonly isReused: boolean;
  /** How long opening it took; undefined when reused. */
  readonly connectNs: number | undefined;
}

/** Handle of a request in flight. */
export interface Exchange {
  /** Every byte of the request is with the kernel. False before `onSent`. */
  readonly isWritten: boolean;
  /** Ends the request; `onFailure` is called with this error unless it has ended already. The connection is closed. */
  abort(error: RequestError): void;
}

export interface TransportStats {
  /** Connections open now. */
  readonly connections: number;
  /** Connections opened since the start. */
  readonly opened: number;
  /** Kept connections that the target closed before they were used again. */
  readonly replaced: number;
}

export interface Transport {
  /** Sends now, on a free connection or a new one. Never throws: what fails is reported to the handler. */
  send(request: WireRequest, handler: ResponseHandler): Exchange;
  /** Opens connections to a target until `count` stand free; resolves when they do or have failed, or the signal aborts. Failures are not reported: the first request will meet them. */
  open(target: number, count: number, signal: AbortSignal): Promise<void>;
  /** Closes the connections of a session, which has no request in flight and will have none. Without effect where it has none. */
  endSession(session: string): void;
  stats(): TransportStats;
  /** Closes every connection; requests in flight fail with `reset`. */
  close(): Promise<void>;
}
