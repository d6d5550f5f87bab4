/**
 * How a request can fail. A failed request is a record, never an exception. Codes are stable: they are written into
 * run files, compared by scripts and listed in `docs/errors.md`.
 */

/** Where in its life the request failed. */
export const requestErrorPhases = ["connect", "tls", "send", "wait", "stream", "parse"] as const;

export type RequestErrorPhase = (typeof requestErrorPhases)[number];

/** Statuses of gRPC in the order of their numbers, from 1 on. */
export const grpcErrorCodes = [
  "grpc_cancelled",
  "grpc_unknown",
  "grpc_invalid_argument",
  "grpc_deadline_exceeded",
  "grpc_not_found",
  "grpc_already_exists",
  "grpc_permission_denied",
  "grpc_resource_exhausted",
  "grpc_failed_precondition",
  "grpc_aborted",
  "grpc_out_of_range",
  "grpc_unimplemented",
  "grpc_internal",
  "grpc_unavailable",
  "grpc_data_loss",
  "grpc_unauthenticated",
] as const;

export const requestErrorCodes = [
  "connect_refused",
  "connect_timeout",
  "connect_failed",
  "name_resolution",
  "proxy_unreachable",
  "proxy_refused",
  "tls",
  "send_failed",
  "first_byte_timeout",
  "idle_timeout",
  "request_timeout",
  "reset",
  "stale_connection",
  "truncated",
  "in_band_error",
  "parse",
  "empty",
  "http_4xx",
  "http_5xx",
  "http_other",
  ...grpcErrorCodes,
  "context_overflow",
  "cancelled",
  "fenced",
  "unsendable",
  "endpoint_module",
] as const;

export type RequestErrorCode = (typeof requestErrorCodes)[number];

export interface RequestError {
  readonly code: RequestErrorCode;
  readonly phase: RequestErrorPhase;
  /** What happened, with the target's own words where it sent any; cut to 1 KiB. */
  readonly message: string;
}
