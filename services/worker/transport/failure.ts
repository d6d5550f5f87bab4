/** Turns what a socket, TLS or undici reports into the stable codes of `endpoints/outcome.ts`. The one place that knows errno names. */
import type { RequestError, RequestErrorCode, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";

const tlsCode = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|HOSTNAME_MISMATCH|ERR_OSSL)/;
const noMoreSockets = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);
const cutConnection = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "UND_ERR_ABORTED"]);
/** undici would not write the request: a header or a path that is not HTTP. */
const notHttp = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  "ERR_INVALID_CHAR",
  "ERR_INVALID_URL",
]);
/** undici's parser gives its errors a code or only their name. */
const parserCode = "HPE_ERROR";
/** Answers that undici takes for an attack: they share a code with a connection that was cut. */
const refusedAnswer = /^bad (response|upgrade)$/;

/** Why there is no tunnel through a proxy, as an error: what hands it on passes it on. */
export class ProxyFailure extends Error {
  readonly failure: RequestError;

  constructor(failure: RequestError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What a socket to a proxy reports. What this host has run out of stays what it is. @param proxy as messages name it */
export function proxyFailure(error: Error, proxy: string): Error {
  if (error instanceof ProxyFailure) return error;
  const { code, message } = describe(error);
  if (noMoreSockets.has(code)) return error;
  return new ProxyFailure(requestError("proxy_unreachable", "connect", `the proxy ${proxy}: ${message.trim()}`));
}

/**
 * @param phase how far the request had come
 * @param isReused whether its connection had carried a request before: a cut without one byte of answer is then
 *   `stale_connection`, since the target may have closed it before the request came.
 */
export function failureOf(error: unknown, phase: RequestErrorPhase, isReused: boolean): RequestError {
  if (error instanceof ProxyFailure) return error.failure;
  const { code, message } = describe(error);
  if (tlsCode.test(code)) return requestError("tls", "tls", message);
  if (noMoreSockets.has(code)) return requestError("unsendable", "connect", `no connection can be opened: ${message}`);
  if (notHttp.has(code)) return requestError("unsendable", "send", message);
  if (code === "UND_ERR_DESTROYED") return requestError("reset", phase, "the connection was closed by this side");
  if (phase === "connect") return requestError(connectCode(code), "connect", message);
  const isParser = code === parserCode || code.startsWith("HPE_");
  // The end of the connection in the middle of a chunked body.
  if (isParser && phase === "stream" && message.includes("EOF")) return requestError("truncated", "stream", message);
  if (refusedAnswer.test(message))
    return requestError("parse", "parse", "answer has a status that was not asked for (100 or 101)");
  if (isParser || code === "UND_ERR_HEADERS_OVERFLOW") {
    return requestError("parse", "parse", `answer is not HTTP/1.1: ${message}`);
  }
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") return requestError("truncated", "stream", message);
  if (phase === "wait" && isReused && cutConnection.has(code)) {
    return requestError("stale_connection", "wait", `kept connection was closed by the target: ${message}`);
  }
  // The peer's orderly close in the middle of a body is a cut answer; in the middle of the wait it is a reset.
  if (phase === "stream" && code === "UND_ERR_SOCKET") return requestError("truncated", "stream", message);
  return requestError("reset", phase, message);
}

/** The target has closed a connection in good order, in the middle of what was asked. @param isReused as in `failureOf` */
export function closedByTarget(phase: RequestErrorPhase, isReused: boolean): RequestError {
  if (phase === "stream") return requestError("truncated", "stream", "the target closed the connection within its answer");
  if (phase === "connect") return requestError("connect_failed", "connect", "the target closed the connection before it stood");
  const code = isReused ? "stale_connection" : "reset";
  return requestError(code, phase, "the target closed the connection before its answer");
}

/** A transport was not allowed to write a request. */
export const fencedBeforeWrite = requestError("fenced", "send", "the worker's lease was over before the request was written");

/** Whether a connection is gone by itself, and not for what was sent on it. */
export function isCut(error: unknown): boolean {
  return cutConnection.has(describe(error).code);
}

function connectCode(code: string): RequestErrorCode {
  switch (code) {
    case "ECONNREFUSED":
      return "connect_refused";
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return "connect_timeout";
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_FAIL":
    case "EAI_NODATA":
      return "name_resolution";
    default:
      return "connect_failed";
  }
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const code = hasCode(error) ? error.code : error instanceof Error && error.name === "HTTPParserError" ? parserCode : "";
  const cause = error instanceof Error && error.cause !== undefined ? describe(error.cause) : undefined;
  const own = error instanceof Error ? error.message : String(error);
  if (cause !== undefined && (code === "" || code === "UND_ERR_SOCKET") && cause.code !== "") {
    return { code: cause.code, message: cause.message };
  }
  return { code, message: own === "" ? code : own };
}

function hasCode(error: unknown): error is { code: string } {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";
}
