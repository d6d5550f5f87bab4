/** Responses as framed messages, written by hand: there is one for every token. */
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import { WireWriter } from "../../services/common/wire.ts";
import { frame } from "./message-reader.ts";

export interface InferResponse {
  /** Empty: not said, as where a request has not come to a model. */
  readonly model: string;
  /** Empty: not said, as where a response has no outputs. */
  readonly version: string;
  readonly id: string;
  /** What `triton_final_response` says; undefined: there is no such parameter. */
  readonly isFinal: boolean | undefined;
  /** Readings of the monotonic clock that go along as parameters; undefined: none. */
  readonly stamps: { readonly receivedNs: number; readonly sentNs: number } | undefined;
  readonly outputs: readonly Tensor[];
}

const headBytes = 256;
const tensorBytes = 64;
const maxVarint = 10;
/** An error can repeat the names and the id of its request, which are of any length. */
const maxErrorCharacters = 64 * 1024;
// One for all responses: each is copied into its frame before the next is begun.
const writer = new WireWriter(Buffer.allocUnsafe(4096));

/** A `ModelInferResponse`. */
export function responseFrame(response: InferResponse): Buffer {
  writer.end = 0;
  writeResponse(response);
  return framed();
}

/** A `ModelStreamInferResponse`; an empty `error` is none, a very long one is cut. */
export function streamFrame(error: string, response: InferResponse): Buffer {
  writer.end = 0;
  const said = error.slice(0, maxErrorCharacters);
  writer.reserve(3 * said.length + headBytes);
  writer.text(1, said);
  const opened = writer.open(2);
  writeResponse(response);
  writer.close(opened);
  return framed();
}

function framed(): Buffer {
  const { bytes, at } = frame(writer.end);
  writer.buffer.copy(bytes, at, 0, writer.end);
  return bytes;
}

function writeResponse({ model, version, id, isFinal, stamps, outputs }: InferResponse): void {
  writer.reserve(3 * (model.length + id.length) + headBytes);
  writer.text(1, model);
  writer.text(2, version);
  writer.text(3, id);
  if (isFinal !== undefined) writeFlag("triton_final_response", isFinal);
  if (stamps !== undefined) {
    writeStamp("assay_received_ns", stamps.receivedNs);
    writeStamp("assay_sent_ns", stamps.sentNs);
  }
  for (const { name, datatype, shape } of outputs) {
    writer.reserve(3 * name.length + maxVarint * shape.length + tensorBytes);
    const opened = writer.open(5);
    writer.text(1, name);
    writer.text(2, datatype);
    writer.uints(3, shape);
    writer.close(opened);
  }
  for (const { raw } of outputs) {
    writer.reserve(raw.length + maxVarint);
    // Contents without a byte are contents all the same.
    const opened = writer.open(6);
    writer.fields(raw);
    writer.close(opened);
  }
}

function writeFlag(key: string, value: boolean): void {
  const entry = writer.open(4);
  writer.text(1, key);
  const parameter = writer.open(2);
  if (value) writer.bool(1, true);
  else writer.falseValue(1);
  writer.close(parameter);
  writer.close(entry);
}

function writeStamp(key: string, ns: number): void {
  const entry = writer.open(4);
  writer.text(1, key);
  const parameter = writer.open(2);
  writer.uint(2, Math.round(ns));
  writer.close(parameter);
  writer.close(entry);
}
