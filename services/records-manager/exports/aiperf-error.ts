/** A failed request as AIPerf's files describe it: its types are names of exceptions of the client that it is made of. */
import { STATUS_CODES } from "node:http";
import type { RequestErrorCode } from "../../../endpoints/outcome.ts";
import type { JsonObject } from "./json-text.ts";

export interface FailedRequest {
  /** Of `docs/errors.md`. */
  readonly code: string;
  readonly phase: string;
  /** HTTP status; 0: none came. */
  readonly status: number;
  readonly message: string;
  readonly isCancelled: boolean;
}

/** AIPerf's name of what happened; what it does not know keeps the name that it has here. */
const types: Readonly<Partial<Record<RequestErrorCode, string>>> = {
  connect_refused: "ClientConnectorError",
  connect_failed: "ClientConnectorError",
  name_resolution: "ClientConnectorDNSError",
  proxy_unreachable: "ClientProxyConnectionError",
  proxy_refused: "ClientHttpProxyError",
  tls: "ClientConnectorSSLError",
  send_failed: "ClientOSError",
  connect_timeout: "TimeoutError",
  first_byte_timeout: "TimeoutError",
  idle_timeout: "TimeoutError",
  request_timeout: "TimeoutError",
  reset: "ServerDisconnectedError",
  stale_connection: "ServerDisconnectedError",
  truncated: "ClientPayloadError",
  parse: "InvalidInferenceResultError",
  empty: "InvalidInferenceResultError",
};

const cancelled = { code: 499, type: "RequestCancellationError" } as const;
const inBand = { code: 502, type: "SSEResponseError" } as const;

/** AIPerf's keys; in `details`, which AIPerf leaves open, stand the code and the phase that this project knows. */
export function aiperfError(failure: FailedRequest): JsonObject {
  const { code, phase, message } = failure;
  return { ...codeAndType(failure), message, details: { code, ...(phase === "" ? {} : { phase }) } };
}

/** `code` only where AIPerf has one: a status, or the number that stands for one. */
function codeAndType({ code, status, isCancelled }: FailedRequest): { readonly code?: number; readonly type: string } {
  if (isCancelled) return cancelled;
  if (isRefusal(status)) return { code: status, type: STATUS_CODES[status] ?? `HTTP ${status}` };
  if (code === "in_band_error" || code === "context_overflow") return inBand;
  return { type: types[code as RequestErrorCode] ?? code };
}

function isRefusal(status: number): boolean {
  return status !== 0 && (status < 200 || status > 299);
}
