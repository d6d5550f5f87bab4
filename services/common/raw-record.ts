/**
 * Everything a worker observed of one request, not interpreted: the message from worker to record processor.
 *
 * Moments are suite time, in ns (the worker translates readings of its own clock);
 * fields that say "after sent" are differences to `sentNs`. `sentNs` is read directly before the first byte is written; where
 * nothing could be written, at the moment it would have been.
 */
import type { RequestError } from "../../endpoints/outcome.ts";
import type { MonotonicNs } from "./clock.ts";

export interface RawRecord extends RecordIdentity, RecordTimes {
  /** HTTP status; 0: no response came. */
  readonly status: number;
  /** The response's header, empty where it had none. */
  readonly contentType: string;
  /** What the worker saw go wrong (connecting, sending, waiting, the stream breaking off); undefined: the response came whole. */
  readonly error: RequestError | undefined;
  /** Tokens of the prompt as far as the dataset counted them; undefined: it did not. */
  readonly inputTokens: number | undefined;
  /** Text of the prompt that the dataset has no count of, to count its tokens by; undefined: there is none. */
  readonly inputText: string | undefined;
  /** Images in the request, and the length of its audio as far as that is known; undefined: none. */
  readonly images: number | undefined;
  readonly audioSeconds: number | undefined;
  /** What the answer is held against, an `Expectation` of the dataset's as bytes; undefined: nothing of its own. */
  readonly expectation: Uint8Array | undefined;
  /** Reads of the body, packed as `chunk-stamps.ts` says. */
  readonly stamps: Uint8Array;
  /** Body of the response, transfer encoding removed; as far as it came. Behind the body of the request where `hasRequestBody`. */
  readonly payload: Uint8Array;
  /** `payload` begins with the body of the request, `requestBytes` long. */
  readonly hasRequestBody?: boolean | undefined;
  /** Headers of the response as one JSON object, names in lower case; undefined: none came, or the run does not keep them. */
  readonly responseHeaders?: string | undefined;
}

/** A record whose payload is the response alone, and the body of its request; undefined: it did not come along. */
export function withoutRequestBody(record: RawRecord): {
  readonly record: RawRecord;
  readonly requestBody: Uint8Array | undefined;
} {
  const { hasRequestBody, payload, requestBytes } = record;
  if (hasRequestBody !== true) return { record, requestBody: undefined };
  return {
    record: { ...record, payload: payload.subarray(requestBytes), hasRequestBody: false },
    requestBody: payload.subarray(0, requestBytes),
  };
}

/** What names a request. Carried unchanged from the credit to the row. */
export interface RecordIdentity {
  readonly creditId: number;
  /** Phase by its index in the run. */
  readonly phase: number;
  /** Conversation in the dataset, from 0. */
  readonly conversation: number;
  /** Turn of the conversation, from 0. */
  readonly turn: number;
  /** Session, dense per run, from 1. */
  readonly sessionId: number;
  /** Ordinal of the draw within its phase, from 0. */
  readonly sessionNum: number;
  /** The session that began this one; undefined: it was drawn itself. */
  readonly parentSession: number | undefined;
  /** The first one of those above it; undefined: there are none. */
  readonly rootSession: number | undefined;
  /** How many there are above it. */
  readonly agentDepth: number;
  /** `X-Request-ID` of the request. */
  readonly requestId: string;
  /** `X-Correlation-ID` of the request: the same for all turns of a session. */
  readonly correlationId: string;
  readonly workerId: string;
  /** Target by its index in the spec. */
  readonly targetIndex: number;
  readonly model: string;
}

/** What a worker measured that needs no interpretation. Carried unchanged to the row. */
export interface RecordTimes {
  /** 0: no schedule, as soon as a slot was free. */
  readonly dueNs: MonotonicNs;
  /** When timing issued the credit. */
  readonly issuedNs: MonotonicNs;
  /** When the worker received the credit. */
  readonly receivedNs: MonotonicNs;
  readonly sentNs: MonotonicNs;
  /** Added to a moment it gives wall time, ns since the Unix epoch. For labels. */
  readonly wallOffsetNs: number;
  /** First byte of the response, ns after sent; undefined: none came. */
  readonly firstByteNs: number | undefined;
  /** Last byte, or the moment the request was given up, ns after sent. */
  readonly endNs: number;
  /** What it took to connect, ns; before `sentNs` and no part of any latency. Undefined: the connection was open already. */
  readonly connectNs: number | undefined;
  /** Before `sentNs`, waiting for a connection, without what opening one took, ns; undefined: not sent. */
  readonly blockedNs: number | undefined;
  /** Parts of `connectNs`: name, TCP and TLS, ns. Undefined: no such step was waited for. */
  readonly dnsNs: number | undefined;
  readonly tcpNs: number | undefined;
  readonly tlsNs: number | undefined;
  /** The kernel had taken the whole request, ns after sent; undefined: it never had. */
  readonly writtenNs: number | undefined;
  /** Ends of the connection, `address:port`; empty: none known, or the run keeps no traces. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** That the dataset puts the turn into; empty: none. */
  readonly rowGroup: string;
  readonly isConnectionReused: boolean;
  /** A stream was asked for. */
  readonly isStreaming: boolean;
  readonly isCancelled: boolean;
  /** Moment of the cancellation, ns after sent. */
  readonly cancelledNs: number | undefined;
  /** Body of the request. */
  readonly requestBytes: number;
  /** Body of the response, transfer encoding removed. */
  readonly responseBytes: number;
  /** Output length that the request asked for. */
  readonly requestedOutputTokens: number | undefined;
}
