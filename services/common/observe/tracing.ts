/**
 * Spans as the services see them. Nothing here knows OpenTelemetry: a process that exports none has `noTracer`, whose spans are one
 * object that does nothing.
 */
import type { WallNs } from "../clock.ts";

export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A W3C trace context on its way: `traceparent` and, where there is one, `tracestate`; empty: none. */
export type Carrier = Readonly<Record<string, string>>;

export interface SpanOptions {
  /** `server`: work for a caller; `client`: a call; `internal`: neither. */
  readonly kind: "internal" | "server" | "client";
  /** What it is a part of. Absent: what the caller is within, or what began this process. */
  readonly parent?: Span | undefined;
  /** As `parent`, begun in another process; where it holds no trace context it is as if absent. */
  readonly remoteParent?: Carrier | undefined;
  readonly attributes?: SpanAttributes;
  /** Default: now. */
  readonly startWallNs?: WallNs;
}

/** Why it was not a success. */
export interface SpanError {
  /** One of few words. */
  readonly code: string;
  readonly message: string;
}

/** One piece of work with a beginning and an end. */
export interface Span {
  /** Its trace context, for who goes on with it elsewhere; empty where it is not exported. */
  readonly carrier: Carrier;
  set(attributes: SpanAttributes): void;
  /** Something that happened at one moment. Default: now. */
  event(name: string, attributes?: SpanAttributes, wallNs?: WallNs): void;
  /** Runs this; spans that begin in it, and in what it starts, are parts of this one. */
  within<Result>(work: () => Result): Result;
  /** To be called once. `endWallNs` default: now. */
  end(error?: SpanError, endWallNs?: WallNs): void;
}

export interface Tracer {
  /** False: nothing is exported, and nothing needs to be made for it. */
  readonly isOn: boolean;
  start(name: string, options: SpanOptions): Span;
  /** Trace context of what the caller is within; empty where that is nothing that is exported. */
  carrier(): Carrier;
}

/** The span of a process that exports none. */
export const noSpan: Span = {
  carrier: {},
  set() {},
  event() {},
  within: (work) => work(),
  end() {},
};

export const noTracer: Tracer = { isOn: false, start: () => noSpan, carrier: () => ({}) };
