/** Compressed messages of gRPC. Nothing of it is put off: what is asked for is paid for where a message is sent, or read. */
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { frameOf, prefixBytes } from "./grpc-frames.ts";
import { maxLength } from "./wire.ts";

/** gRPC's names; its `deflate` is zlib's format. */
export type GrpcCompression = "none" | "gzip" | "deflate";

/** A message in its frame, compressed where that is asked for and makes it smaller. `parts` are put one behind the other. */
export function compressedFrame(compression: GrpcCompression, ...parts: readonly Uint8Array[]): Buffer {
  const plain = frameOf(false, ...parts);
  return compression === "none" ? plain : packedFrame(compression, plain);
}

/** The same of a message that is in its frame already. */
export function packedFrame(compression: "gzip" | "deflate", plain: Buffer): Buffer {
  const message = plain.subarray(prefixBytes);
  const packed = compression === "gzip" ? gzipSync(message) : deflateSync(message);
  return packed.length < message.length ? frameOf(true, packed) : plain;
}

/**
 * A frame whose message is as it was before it was compressed; the frame itself where it was not.
 * @param encoding what the call's head says, `grpc-encoding`
 * @param maxBytes of the message; default: what a record may have
 * @throws Error for what cannot be decompressed; RangeError for what becomes too long
 */
export function plainFrame(frame: Buffer, encoding: string, maxBytes = maxLength): Buffer {
  if (frame[0] === 0) return frame;
  const packed = frame.subarray(prefixBytes);
  const options = { maxOutputLength: maxBytes };
  if (encoding === "gzip") return frameOf(false, gunzipSync(packed, options));
  if (encoding === "deflate") return frameOf(false, inflateSync(packed, options));
  throw new Error(`a message is compressed, and its call names "${encoding}" for how`);
}
