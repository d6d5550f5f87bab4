/**
 * What the two batches of records, worker's and record-processor's, have in common on the wire: field 2 of their request is
 * `{ seq = 1, records = 2 }`, both records say of a request who asked what of whom and when, and a failed request is a `RequestError`.
 */
import type { RequestError, RequestErrorCode, RequestErrorPhase } from "../../endpoints/outcome.ts";
import type { RecordIdentity, RecordTimes } from "./raw-record.ts";
import { lengthWidth, malformed, WireReader, WireWriter, writeFixedVarint } from "./wire.ts";

const batchTag = (2 << 3) | 2;
const seqTag = 1 << 3;
const recordsField = 2;
const recordsTag = (recordsField << 3) | 2;
const seqWidth = 8;
const seqAt = 1 + lengthWidth + 1;
/** Bytes of a batch before its first record: the batch's tag and length, the tag of seq and its value. */
const headBytes = seqAt + seqWidth;

/** One batch while it is filled: open a record, write its fields to `wire`, close it. */
export class BatchFrame {
  readonly wire: WireWriter;
  /** Records closed. */
  count = 0;

  /** Fills `buffer` from its start and owns it from then on; a larger one where it is too small. */
  constructor(buffer: Buffer) {
    this.wire = new WireWriter(buffer);
    this.wire.reserve(headBytes);
    this.wire.end = headBytes;
  }

  /** Begins a record of at most `sizeBytes`; give what it returns to `close`. Throws as `WireWriter.reserve`, the batch as it was. */
  open(sizeBytes: number): number {
    this.wire.reserve(sizeBytes);
    return this.wire.open(recordsField);
  }

  close(opened: number): void {
    this.wire.close(opened);
    this.count++;
  }

  /** The message's bytes, with this seq. The frame must not be used afterwards. */
  finish(seq: number): Buffer {
    const { buffer, end } = this.wire;
    buffer[0] = batchTag;
    writeFixedVarint(buffer, 1, end - 1 - lengthWidth, lengthWidth);
    buffer[seqAt - 1] = seqTag;
    setBatchSeq(buffer, seq);
    return buffer.subarray(0, end);
  }
}

/** Gives a finished batch another seq: a batch that is sent again on a new stream keeps its bytes. */
export function setBatchSeq(batch: Uint8Array, seq: number): void {
  writeFixedVarint(batch, seqAt, seq, seqWidth);
}

/** Whether a serialized request is a batch (and not a hello or a part). */
export function isBatch(message: Uint8Array): boolean {
  return message[0] === batchTag;
}

/**
 * Reads a serialized request that holds a batch; `readRecord` gets the reader at a record that ends at `end`, which it must reach.
 * Throws `invalid_argument` on anything else.
 */
export function readBatch<Record>(
  message: Buffer,
  readRecord: (reader: WireReader, end: number) => Record,
): { readonly seq: number; readonly records: Record[] } {
  const reader = new WireReader(message);
  if (reader.tag() !== batchTag) throw malformed("a batch was expected");
  const end = reader.length();
  let seq = 0;
  const records: Record[] = [];
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === seqTag) seq = reader.varint();
    else if (tag === recordsTag) {
      const recordEnd = reader.length();
      records.push(readRecord(reader, recordEnd));
      reader.expectEnd(recordEnd);
    } else reader.skip(tag & 7);
  }
  reader.expectEnd(end);
  return { seq, records };
}

/** What both records say, by the names that both have for its fields. The numbers are each one's own. */
type RequestField =
  | "creditId"
  | "phase"
  | "conversation"
  | "turn"
  | "session"
  | "index"
  | "parentSession"
  | "rootSession"
  | "agentDepth"
  | "target"
  | "dueNs"
  | "issuedNs"
  | "receivedNs"
  | "sentNs"
  | "firstByteNs"
  | "endNs"
  | "connectNs"
  | "blockedNs"
  | "dnsNs"
  | "tcpNs"
  | "tlsNs"
  | "writtenNs"
  | "localAddress"
  | "remoteAddress"
  | "rowGroup"
  | "status"
  | "error"
  | "isCancelled"
  | "cancelledNs"
  | "isStreaming"
  | "isConnectionReused"
  | "requestBytes"
  | "responseBytes"
  | "requestedOutputTokens"
  | "model"
  | "requestId"
  | "correlationId"
  | "workerId";

/**
 * Writes what both records say. Each reads its own: variables of one function are read into faster than fields of an object.
 */
export function writeRequest(
  wire: WireWriter,
  field: Readonly<Record<RequestField, number>>,
  record: RecordIdentity & RecordTimes & { readonly status: number; readonly error: RequestError | undefined },
): void {
  wire.uint(field.creditId, record.creditId);
  wire.uint(field.phase, record.phase);
  wire.uint(field.conversation, record.conversation);
  wire.uint(field.turn, record.turn);
  wire.uint(field.session, record.sessionId);
  wire.uint(field.index, record.sessionNum);
  wire.uint(field.parentSession, record.parentSession === undefined ? 0 : record.parentSession + 1);
  wire.uint(field.rootSession, record.rootSession === undefined ? 0 : record.rootSession + 1);
  wire.uint(field.agentDepth, record.agentDepth);
  wire.uint(field.target, record.targetIndex);
  wire.double(field.dueNs, record.dueNs);
  wire.double(field.issuedNs, record.issuedNs);
  wire.double(field.receivedNs, record.receivedNs);
  wire.double(field.sentNs, record.sentNs);
  wire.optionalDouble(field.firstByteNs, record.firstByteNs);
  wire.double(field.endNs, record.endNs);
  wire.optionalDouble(field.connectNs, record.connectNs);
  wire.optionalDouble(field.blockedNs, record.blockedNs);
  wire.optionalDouble(field.dnsNs, record.dnsNs);
  wire.optionalDouble(field.tcpNs, record.tcpNs);
  wire.optionalDouble(field.tlsNs, record.tlsNs);
  wire.optionalDouble(field.writtenNs, record.writtenNs);
  wire.text(field.localAddress, record.localAddress);
  wire.text(field.remoteAddress, record.remoteAddress);
  wire.text(field.rowGroup, record.rowGroup);
  wire.uint(field.status, record.status);
  if (record.error !== undefined) writeError(wire, field.error, record.error);
  wire.bool(field.isCancelled, record.isCancelled);
  wire.optionalDouble(field.cancelledNs, record.cancelledNs);
  wire.bool(field.isStreaming, record.isStreaming);
  wire.bool(field.isConnectionReused, record.isConnectionReused);
  wire.uint(field.requestBytes, record.requestBytes);
  wire.uint(field.responseBytes, record.responseBytes);
  wire.uint(field.requestedOutputTokens, record.requestedOutputTokens ?? 0);
  wire.text(field.model, record.model);
  wire.text(field.requestId, record.requestId);
  wire.text(field.correlationId, record.correlationId);
  wire.text(field.workerId, record.workerId);
}

/** Bytes that `writeError` takes at most. */
export function errorBytes(error: RequestError | undefined): number {
  return error === undefined ? 0 : 3 * error.message.length + 192;
}

/** Writes a failed request's error as field `number`. */
function writeError(wire: WireWriter, number: number, error: RequestError): void {
  const opened = wire.open(number);
  wire.text(1, error.code);
  wire.text(2, error.phase);
  wire.text(3, error.message);
  wire.close(opened);
}

/** Reads what `writeError` wrote. */
export function readError(reader: WireReader): RequestError {
  const end = reader.length();
  let code = "";
  let phase = "";
  let message = "";
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 10) code = reader.text();
    else if (tag === 18) phase = reader.text();
    else if (tag === 26) message = reader.text();
    else reader.skip(tag & 7);
  }
  reader.expectEnd(end);
  // Written by a member of this version; other words are shown as they came.
  return { code: code as RequestErrorCode, phase: phase as RequestErrorPhase, message };
}
