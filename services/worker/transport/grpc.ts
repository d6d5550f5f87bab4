/**
 * Calls of gRPC over HTTP/2: the body of a request is one message, which is framed here, and the stream is closed behind it. What comes
 * back is handed on as it is, prefixes included; the status of the call is the end of the request. Answers that are not gRPC's, as
 * proxies give them, are those of HTTP.
 */
import { grpcContentType, grpcError } from "../../../endpoints/grpc-status.ts";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import type { MonotonicNs } from "../../common/clock.ts";
import { createHttp2Transport } from "./http2.ts";
import type {
  AnswerHead,
  ConnectionFacts,
  ConnectionWatcher,
  ResponseHandler,
  ResponseHeaders,
  TargetOptions,
  Transport,
} from "./transport.ts";

const prefixBytes = 5;

/** One transport for all targets of a run, whose origins are `grpc://` or `grpcs://`; `targets[i]` belongs to target index i. */
export function createGrpcTransport(targets: readonly TargetOptions[], watcher?: ConnectionWatcher): Transport {
  const carrier = createHttp2Transport(
    targets.map((target) => ({ ...target, origin: target.origin.replace(/^grpc/, "http") })),
    watcher,
  );
  return {
    ...carrier,
    send(request, handler) {
      return carrier.send({ ...request, body: framed(request.body) }, new CallHandler(handler));
    },
  };
}

function framed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(prefixBytes + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  message.copy(bytes, prefixBytes);
  return bytes;
}

/** Makes the status of a call the end of its request. */
class CallHandler implements ResponseHandler {
  private readonly handler: ResponseHandler;
  private isCall = false;
  private phase: RequestErrorPhase = "wait";
  /** The head of an answer without messages is all there is of it. */
  private head: ResponseHeaders = {};

  constructor(handler: ResponseHandler) {
    this.handler = handler;
  }

  mayWrite(): boolean {
    return this.handler.mayWrite();
  }

  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void {
    this.handler.onSent(atNs, connection);
  }

  onWritten(atNs: MonotonicNs): void {
    this.handler.onWritten(atNs);
  }

  onHead(atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void {
    this.isCall = status === 200 && contentType.startsWith(grpcContentType);
    this.head = head?.headers() ?? {};
    this.handler.onHead(atNs, status, contentType, head);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start?: number, end?: number): void {
    this.phase = "stream";
    this.handler.onBody(atNs, bytes, start, end);
  }

  onEnd(atNs: MonotonicNs, trailers: ResponseHeaders = this.head): void {
    const error = this.isCall ? statusOf(trailers, this.phase) : undefined;
    if (error === undefined) this.handler.onEnd(atNs, trailers);
    else this.handler.onFailure(atNs, error);
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.handler.onFailure(atNs, error);
  }
}

function statusOf(trailers: ResponseHeaders, phase: RequestErrorPhase): RequestError | undefined {
  const { "grpc-status": status, "grpc-message": words } = trailers;
  if (typeof status !== "string") return requestError("truncated", "stream", "the call ended without a status");
  return grpcError(status, typeof words === "string" ? words : "", phase);
}
