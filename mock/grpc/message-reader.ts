/** Takes messages out of the bytes of a call, as its client compresses them. */

import { messageOf } from "../../services/common/errors.ts";
import { plainFrame } from "../../services/common/grpc-compression.ts";
import { FrameFeed, prefixBytes } from "../../services/common/grpc-frames.ts";
import { type GrpcStatus, status } from "./status.ts";

/** What a call says of how it is compressed. */
export interface CallEncoding {
  /** Of its messages, `identity` where they are not. */
  readonly encoding: string;
  /** Of the answer's messages: the same where the client takes it. */
  readonly ofAnswer: "none" | "gzip" | "deflate";
}

/** @returns the status that ends a call whose messages nobody here can read */
export function encodingOf(headers: Readonly<Record<string, unknown>>): CallEncoding | GrpcStatus {
  const { "grpc-encoding": encoding = "identity", "grpc-accept-encoding": accepted = "" } = headers;
  if (encoding === "identity") return { encoding, ofAnswer: "none" };
  if (encoding !== "gzip" && encoding !== "deflate") {
    return status("unimplemented", `messages compressed by ${String(encoding)} are not taken, those by gzip or deflate are`);
  }
  const isTaken = String(accepted).split(/ *, */).includes(encoding);
  return { encoding, ofAnswer: isTaken ? encoding : "none" };
}

export class MessageReader {
  readonly #feed = new FrameFeed();
  readonly #maxBytes: number;
  readonly #encoding: string;

  /** `maxBytes`: the largest message that is taken, as it is sent and as it is read. */
  constructor(maxBytes: number, encoding = "identity") {
    this.#maxBytes = maxBytes;
    this.#encoding = encoding;
  }

  /** Bytes have come of a message that is not whole. */
  get isInside(): boolean {
    return this.#feed.isInside;
  }

  /** The messages that these bytes complete, as views of them, or why the call has to end. */
  feed(bytes: Buffer): Buffer[] | GrpcStatus {
    this.#feed.add(bytes);
    const messages: Buffer[] = [];
    for (;;) {
      const size = this.#feed.announcedBytes ?? 0;
      if (size > this.#maxBytes) return this.#tooLarge(`got ${size}`);
      const frame = this.#feed.next();
      if (frame === undefined) return messages;
      const message = frame[0] === 0 ? frame : this.#plain(frame);
      if (!Buffer.isBuffer(message)) return message;
      messages.push(message.subarray(prefixBytes));
    }
  }

  #plain(frame: Buffer): Buffer | GrpcStatus {
    if (this.#encoding === "identity") {
      return status("internal", "a message is compressed, and its call names no compression");
    }
    try {
      return plainFrame(frame, this.#encoding, this.#maxBytes);
    } catch (error) {
      if (error instanceof RangeError) return this.#tooLarge("got more, decompressed");
      return status("internal", `a message cannot be decompressed: ${messageOf(error)}`);
    }
  }

  #tooLarge(got: string): GrpcStatus {
    return status("resourceExhausted", `a message must be of ${this.#maxBytes} bytes at most, ${got}`);
  }
}

/** Room for one message with its prefix, which is written; the message goes behind `at`. */
export function frame(size: number): { bytes: Buffer; at: number } {
  const bytes = Buffer.allocUnsafe(prefixBytes + size);
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  return { bytes, at: prefixBytes };
}
