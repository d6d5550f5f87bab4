/** One call of a client, of whatever kind: an HTTP/2 stream on which messages go out and which ends with a status. */
import { constants, type ServerHttp2Stream } from "node:http2";
import { packedFrame } from "../../services/common/grpc-compression.ts";
import { type CallEncoding, frame } from "./message-reader.ts";
import { type GrpcStatus, grpcCodes, headerMessage } from "./status.ts";

const contentType = "application/grpc";

export class Rpc {
  readonly #stream: ServerHttp2Stream;
  #hasHeaders = false;
  #isOver = false;
  #trailers: Record<string, string | number> | undefined;
  #onDrain: (() => void)[] = [];
  readonly #compression: CallEncoding["ofAnswer"];

  constructor(stream: ServerHttp2Stream, compression: CallEncoding["ofAnswer"]) {
    this.#stream = stream;
    this.#compression = compression;
    // Trailers are wanted once the last message is with the kernel.
    stream.on("wantTrailers", () => {
      // Without any the stream ends all the same; closing it here would wait for them.
      stream.sendTrailers(this.#trailers ?? {});
      // A client that has more to send is told not to, after what it has been sent.
      if (!stream.readableEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    });
    stream.on("drain", () => {
      const calls = this.#onDrain;
      this.#onDrain = [];
      for (const call of calls) call();
    });
  }

  /** True once it has ended, or is gone: nothing can be written any more. */
  get isOver(): boolean {
    return this.#isOver || this.#stream.closed || this.#stream.destroyed;
  }

  /** Bytes written that HTTP/2 has not taken. */
  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  /** Called once when HTTP/2 has taken all there is. */
  onDrain(call: () => void): void {
    this.#onDrain.push(call);
  }

  /** Says that the call is taken; at the latest the first message does. */
  sendHeaders(): void {
    if (this.#hasHeaders || this.isOver) return;
    this.#hasHeaders = true;
    const encoding = this.#compression === "none" ? {} : { "grpc-encoding": this.#compression };
    this.#stream.respond({ ":status": 200, "content-type": contentType, ...encoding }, { waitForTrailers: true });
  }

  /** A message, framed. */
  write(framed: Buffer): void {
    if (this.isOver) return;
    this.sendHeaders();
    this.#stream.write(this.#packed(framed));
  }

  /** Ends the call, after a last message where there is one. */
  end({ code, message }: GrpcStatus, last?: Buffer): void {
    if (this.isOver) return;
    const trailers = { "grpc-status": code, ...(message === "" ? {} : { "grpc-message": headerMessage(message) }) };
    const hasBody = this.#hasHeaders || last !== undefined;
    if (hasBody) this.sendHeaders();
    else this.#stream.respond({ ":status": 200, "content-type": contentType, ...trailers }, { endStream: true });
    this.#isOver = true;
    if (!hasBody) return;
    this.#trailers = trailers;
    this.#stream.end(last && this.#packed(last));
  }

  #packed(framed: Buffer): Buffer {
    return this.#compression === "none" ? framed : packedFrame(this.#compression, framed);
  }

  /** Resets the call: the client gets no status. */
  reset(): void {
    this.#isOver = true;
    // Behind headers that have not left yet Node sends an end of the stream, and its reset never.
    setImmediate(() => this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  }

  /** Ends the call inside a message, without a status. */
  cut(): void {
    if (this.isOver) return;
    this.sendHeaders();
    this.#isOver = true;
    const { bytes, at } = frame(cutBytes);
    bytes.fill(0, at);
    this.#stream.end(bytes.subarray(0, bytes.length / 2));
  }

  /** Answers as something that does not speak gRPC; resets the call where it has begun to. */
  answerOtherwise(): void {
    if (this.#hasHeaders) {
      this.reset();
      return;
    }
    if (this.isOver) return;
    this.#isOver = true;
    this.#stream.respond({ ":status": 502, "content-type": "text/html" });
    this.#stream.end("<html>this is not gRPC</html>");
  }
}

const cutBytes = 64;

/** A message that is no protobuf: a field that says to be longer than the message. */
export function garbageFrame(): Buffer {
  const { bytes, at } = frame(4);
  bytes.set([0x0a, 0xff, 0xff, 0x7f], at);
  return bytes;
}

/** Whether an HTTP/2 request is a call of gRPC. */
export function isGrpc(type: unknown): boolean {
  return typeof type === "string" && type.startsWith(contentType) && !type.startsWith(`${contentType}-web`);
}

/** The end of calls of unknown methods, as gRPC's own servers say it. */
export const unknownMethod: GrpcStatus = { code: grpcCodes.unimplemented, message: "" };
