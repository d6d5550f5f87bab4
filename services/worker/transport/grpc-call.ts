import { grpcContentType, grpcError } from "../../../endpoints/grpc-status.ts";
import type { RequestError, RequestErrorPhase } from "../../../endpoints/outcome.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import type { MonotonicNs } from "../../common/clock.ts";
import { messageOf } from "../../common/errors.ts";
import { type GrpcCompression, plainFrame } from "../../common/grpc-compression.ts";
import { FrameFeed } from "../../common/grpc-frames.ts";
import type { AnswerHead, ConnectionFacts, Exchange, ResponseHandler, ResponseHeaders } from "./transport.ts";

/** A request with a call of its own: makes the status of the call the end of the request. */
export class CallHandler implements ResponseHandler {
  /** Set once there is one. */
  exchange: Exchange | undefined;
  private readonly handler: ResponseHandler;
  private readonly deadlineSec: number;
  /** Only where responses may be compressed: others go as they are read. */
  private readonly feed: FrameFeed | undefined;
  private isCall = false;
  private phase: RequestErrorPhase = "wait";
  private sentNs: MonotonicNs = 0;
  /** The head of an answer without messages is all there is of it. */
  private head: ResponseHeaders = {};

  /** @param deadlineSec what the target was told that the call may take */
  constructor(handler: ResponseHandler, compression: GrpcCompression, deadlineSec: number) {
    this.handler = handler;
    this.deadlineSec = deadlineSec;
    this.feed = compression === "none" ? undefined : new FrameFeed();
  }

  mayWrite(): boolean {
    return this.handler.mayWrite();
  }

  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void {
    this.sentNs = atNs;
    this.handler.onSent(atNs, connection);
  }

  onWritten(atNs: MonotonicNs): void {
    this.handler.onWritten(atNs);
  }

  onHead(atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void {
    this.isCall = isCallHead(status, contentType);
    this.head = head?.headers() ?? {};
    this.handler.onHead(atNs, status, contentType, head);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start?: number, end?: number): void {
    this.phase = "stream";
    if (this.feed === undefined || !this.isCall) this.handler.onBody(atNs, bytes, start, end);
    else this.feedFrames(this.feed, atNs, bytes.subarray(start, end));
  }

  onEnd(atNs: MonotonicNs, trailers: ResponseHeaders = this.head): void {
    const error = this.isCall ? statusOf(trailers, this.phase) : undefined;
    // It says what this side's own limit would have said a moment later.
    const isOwnLimit = error?.code === "grpc_deadline_exceeded" && atNs - this.sentNs >= this.deadlineSec * 1e9;
    if (isOwnLimit) {
      this.handler.onFailure(atNs, requestError("request_timeout", this.phase, `${error.message}, the limit of the request`));
    } else if (error !== undefined) this.handler.onFailure(atNs, error);
    else if (this.feed?.isInside) this.handler.onFailure(atNs, cutMessage);
    else this.handler.onEnd(atNs, trailers);
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.handler.onFailure(atNs, error);
  }

  private feedFrames(feed: FrameFeed, atNs: MonotonicNs, bytes: Buffer): void {
    feed.add(bytes);
    for (let frame = feed.next(); frame !== undefined; frame = feed.next()) {
      const plain = tryPlainFrame(frame, this.head);
      if ("code" in plain) {
        this.exchange?.abort(plain);
        return;
      }
      this.handler.onBody(atNs, plain);
    }
    feed.keep();
  }
}

export const cutMessage = requestError("truncated", "stream", "the answer ended inside a message");

/** Whether what has begun is an answer of gRPC. */
export function isCallHead(status: number, contentType: string): boolean {
  return status === 200 && contentType.startsWith(grpcContentType);
}

/** A frame as it was before it was compressed, or why it cannot be read. @param head of its call */
export function tryPlainFrame(frame: Buffer, { "grpc-encoding": encoding = "" }: ResponseHeaders): Buffer | RequestError {
  try {
    return plainFrame(frame, String(encoding));
  } catch (error) {
    return requestError("parse", "parse", `a message cannot be decompressed: ${messageOf(error)}`);
  }
}

/** The error of a call that ended with these; undefined: it ended well. */
export function statusOf(trailers: ResponseHeaders, phase: RequestErrorPhase): RequestError | undefined {
  const { "grpc-status": status, "grpc-message": words } = trailers;
  if (typeof status !== "string") return requestError("truncated", "stream", "the call ended without a status");
  return grpcError(status, typeof words === "string" ? words : "", phase);
}
