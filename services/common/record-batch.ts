/**
 * The record batch on the wire, written and read by hand: one pass into one buffer in the worker, views into one buffer in
 * the record-processor, no message object per record. It is plain protobuf of `ProcessRecordsRequest`; lengths and the
 * batch's seq are varints of fixed width, which every decoder accepts, so that they can be filled in afterwards.
 * `assay/record_processor/v1/record.proto` is the contract; a test holds this against the generated code.
 */
import type { RequestError, RequestErrorCode, RequestErrorPhase } from "../../endpoints/outcome.ts";
import { AssayError } from "./errors.ts";
import type { RawRecord } from "./raw-record.ts";

/** Field numbers of RawRecord. */
const field = {
  creditId: 1,
  phase: 2,
  conversation: 3,
  turn: 4,
  session: 5,
  index: 6,
  target: 7,
  dueNs: 8,
  issuedNs: 9,
  receivedNs: 10,
  sentNs: 11,
  firstByteNs: 12,
  endNs: 13,
  connectNs: 14,
  status: 15,
  error: 16,
  isCancelled: 17,
  cancelledNs: 18,
  isStreaming: 19,
  isConnectionReused: 20,
  requestBytes: 21,
  responseBytes: 22,
  requestedOutputTokens: 23,
  inputTokens: 24,
  model: 25,
  requestId: 26,
  correlationId: 27,
  contentType: 28,
  reads: 29,
  payload: 30,
  parts: 31,
  workerId: 36,
  inputText: 37,
} as const;

const batchField = 2;
const seqField = 1;
const recordsField = 2;
const lengthWidth = 4;
const seqWidth = 8;
const maxLength = 2 ** (7 * lengthWidth) - 1;

/** Bytes of a batch before its first record: the batch's tag and length, the tag of seq and its value. */
const headBytes = 1 + lengthWidth + 1 + seqWidth;
/** A record's numbers and short strings take less than this; its strings, stamps and payload come on top. */
const fixedRecordBytes = 512;

/** One batch while it is filled. Used once: `finish` hands its buffer over. */
export class RecordBatchWriter {
  private buffer: Buffer;
  private end = headBytes;
  private records = 0;

  constructor(sizeBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(sizeBytes, headBytes + fixedRecordBytes));
  }

  get count(): number {
    return this.records;
  }

  get sizeBytes(): number {
    return this.end;
  }

  /**
   * Appends one record. Its payload, stamps and strings are copied. `parts`: pieces of its payload that went before. Throws
   * `resource_exhausted`, and leaves the batch as it was, for a record that no message can hold.
   */
  add(record: RawRecord, parts = 0): void {
    this.reserve(
      fixedRecordBytes +
        record.payload.length +
        record.stamps.length +
        3 *
          (record.model.length +
            record.requestId.length +
            record.correlationId.length +
            record.contentType.length +
            record.workerId.length +
            (record.inputText?.length ?? 0) +
            (record.error === undefined ? 0 : record.error.message.length + 64)),
    );
    this.tag(recordsField, 2);
    const lengthAt = this.end;
    this.end += lengthWidth;
    this.body(record, parts);
    writeFixedVarint(this.buffer, lengthAt, this.end - lengthAt - lengthWidth, lengthWidth);
    this.records++;
  }

  /** The message's bytes, with this seq. The writer must not be used afterwards. */
  finish(seq: number): Buffer {
    this.buffer[0] = (batchField << 3) | 2;
    writeFixedVarint(this.buffer, 1, this.end - 1 - lengthWidth, lengthWidth);
    this.buffer[1 + lengthWidth] = seqField << 3;
    setBatchSeq(this.buffer, seq);
    return this.buffer.subarray(0, this.end);
  }

  private body(record: RawRecord, parts: number): void {
    this.uint(field.creditId, record.creditId);
    this.uint(field.phase, record.phase);
    this.uint(field.conversation, record.conversation);
    this.uint(field.turn, record.turn);
    this.uint(field.session, record.sessionId);
    this.uint(field.index, record.sessionNum);
    this.uint(field.target, record.targetIndex);
    this.double(field.dueNs, record.dueNs);
    this.double(field.issuedNs, record.issuedNs);
    this.double(field.receivedNs, record.receivedNs);
    this.double(field.sentNs, record.sentNs);
    this.optionalDouble(field.firstByteNs, record.firstByteNs);
    this.double(field.endNs, record.endNs);
    this.optionalDouble(field.connectNs, record.connectNs);
    this.uint(field.status, record.status);
    if (record.error !== undefined) this.error(record.error);
    this.bool(field.isCancelled, record.isCancelled);
    this.optionalDouble(field.cancelledNs, record.cancelledNs);
    this.bool(field.isStreaming, record.isStreaming);
    this.bool(field.isConnectionReused, record.isConnectionReused);
    this.uint(field.requestBytes, record.requestBytes);
    this.uint(field.responseBytes, record.responseBytes);
    this.uint(field.requestedOutputTokens, record.requestedOutputTokens ?? 0);
    this.uint(field.inputTokens, record.inputTokens ?? 0);
    this.text(field.model, record.model);
    this.text(field.requestId, record.requestId);
    this.text(field.correlationId, record.correlationId);
    this.text(field.contentType, record.contentType);
    this.text(field.workerId, record.workerId);
    this.text(field.inputText, record.inputText ?? "");
    this.uint(field.parts, parts);
    this.bytes(field.reads, record.stamps);
    this.bytes(field.payload, record.payload);
  }

  private error(error: RequestError): void {
    this.tag(field.error, 2);
    const lengthAt = this.end;
    this.end += lengthWidth;
    this.text(1, error.code);
    this.text(2, error.phase);
    this.text(3, error.message);
    writeFixedVarint(this.buffer, lengthAt, this.end - lengthAt - lengthWidth, lengthWidth);
  }

  private reserve(needed: number): void {
    if (this.end + needed > maxLength) {
      throw new AssayError("resource_exhausted", `a record of up to ${needed} bytes does not fit a batch of ${this.end}`);
    }
    if (this.end + needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.end + needed));
    this.buffer.copy(grown, 0, 0, this.end);
    this.buffer = grown;
  }

  private tag(number: number, wireType: number): void {
    this.varint((number << 3) | wireType);
  }

  private varint(value: number): void {
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.buffer[this.end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.buffer[this.end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.end++] = rest;
  }

  private uint(number: number, value: number): void {
    if (value === 0) return;
    this.tag(number, 0);
    this.varint(value);
  }

  private bool(number: number, value: boolean): void {
    if (!value) return;
    this.tag(number, 0);
    this.buffer[this.end++] = 1;
  }

  private double(number: number, value: number): void {
    if (value !== 0) this.optionalDouble(number, value);
  }

  private optionalDouble(number: number, value: number | undefined): void {
    if (value === undefined) return;
    this.tag(number, 1);
    this.end = this.buffer.writeDoubleLE(value, this.end);
  }

  private text(number: number, value: string): void {
    if (value === "") return;
    this.tag(number, 2);
    const lengthAt = this.end;
    this.end += lengthWidth;
    const written = this.buffer.write(value, this.end, "utf8");
    this.end += written;
    writeFixedVarint(this.buffer, lengthAt, written, lengthWidth);
  }

  private bytes(number: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.tag(number, 2);
    this.varint(value.length);
    this.buffer.set(value, this.end);
    this.end += value.length;
  }
}

/** Gives a finished batch another seq: a batch that is sent again on a new stream keeps its bytes. */
export function setBatchSeq(batch: Uint8Array, seq: number): void {
  writeFixedVarint(batch, 1 + lengthWidth + 1, seq, seqWidth);
}

/** A decoded batch; its payloads and stamps are views into the bytes it was read from. */
export interface RecordBatch {
  readonly seq: number;
  readonly records: readonly ReceivedRecord[];
}

export interface ReceivedRecord {
  readonly record: RawRecord;
  /** Pieces of its payload that came before it. */
  readonly parts: number;
}

/** What the stream's hello says of every record on it. */
export interface BatchOrigin {
  readonly workerId: string;
  readonly wallOffsetNs: number;
}

/** Whether a serialized `ProcessRecordsRequest` is a batch (and not a hello or a part). */
export function isBatch(message: Uint8Array): boolean {
  return message[0] === ((batchField << 3) | 2);
}

/** Reads a serialized `ProcessRecordsRequest` that holds a batch. Throws `invalid_argument` on anything else. */
export function readRecordBatch(message: Buffer, origin: BatchOrigin): RecordBatch {
  const reader = new WireReader(message, 0, message.length);
  if (reader.tag() !== ((batchField << 3) | 2)) throw malformed("a batch was expected");
  const end = reader.length();
  let seq = 0;
  const records: ReceivedRecord[] = [];
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === seqField << 3) seq = reader.varint();
    else if (tag === ((recordsField << 3) | 2)) records.push(readRecord(reader, reader.length(), origin));
    else reader.skip(tag & 7);
  }
  reader.expectEnd(end);
  return { seq, records };
}

function readRecord(reader: WireReader, end: number, origin: BatchOrigin): ReceivedRecord {
  let creditId = 0;
  let phase = 0;
  let conversation = 0;
  let turn = 0;
  let sessionId = 0;
  let sessionNum = 0;
  let targetIndex = 0;
  let dueNs = 0;
  let issuedNs = 0;
  let receivedNs = 0;
  let sentNs = 0;
  let firstByteNs: number | undefined;
  let endNs = 0;
  let connectNs: number | undefined;
  let status = 0;
  let error: RequestError | undefined;
  let isCancelled = false;
  let cancelledNs: number | undefined;
  let isStreaming = false;
  let isConnectionReused = false;
  let requestBytes = 0;
  let responseBytes = 0;
  let requestedOutputTokens = 0;
  let inputTokens = 0;
  let model = "";
  let requestId = "";
  let correlationId = "";
  let contentType = "";
  let workerId = origin.workerId;
  let inputText = "";
  let parts = 0;
  let stamps: Uint8Array = empty;
  let payload: Uint8Array = empty;
  while (reader.at < end) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case field.creditId:
        creditId = reader.varint();
        break;
      case field.phase:
        phase = reader.varint();
        break;
      case field.conversation:
        conversation = reader.varint();
        break;
      case field.turn:
        turn = reader.varint();
        break;
      case field.session:
        sessionId = reader.varint();
        break;
      case field.index:
        sessionNum = reader.varint();
        break;
      case field.target:
        targetIndex = reader.varint();
        break;
      case field.dueNs:
        dueNs = reader.double();
        break;
      case field.issuedNs:
        issuedNs = reader.double();
        break;
      case field.receivedNs:
        receivedNs = reader.double();
        break;
      case field.sentNs:
        sentNs = reader.double();
        break;
      case field.firstByteNs:
        firstByteNs = reader.double();
        break;
      case field.endNs:
        endNs = reader.double();
        break;
      case field.connectNs:
        connectNs = reader.double();
        break;
      case field.status:
        status = reader.varint();
        break;
      case field.error:
        error = readError(reader, reader.length());
        break;
      case field.isCancelled:
        isCancelled = reader.varint() !== 0;
        break;
      case field.cancelledNs:
        cancelledNs = reader.double();
        break;
      case field.isStreaming:
        isStreaming = reader.varint() !== 0;
        break;
      case field.isConnectionReused:
        isConnectionReused = reader.varint() !== 0;
        break;
      case field.requestBytes:
        requestBytes = reader.varint();
        break;
      case field.responseBytes:
        responseBytes = reader.varint();
        break;
      case field.requestedOutputTokens:
        requestedOutputTokens = reader.varint();
        break;
      case field.inputTokens:
        inputTokens = reader.varint();
        break;
      case field.model:
        model = reader.text();
        break;
      case field.requestId:
        requestId = reader.text();
        break;
      case field.correlationId:
        correlationId = reader.text();
        break;
      case field.contentType:
        contentType = reader.text();
        break;
      case field.workerId:
        workerId = reader.text();
        break;
      case field.inputText:
        inputText = reader.text();
        break;
      case field.parts:
        parts = reader.varint();
        break;
      case field.reads:
        stamps = reader.bytes();
        break;
      case field.payload:
        payload = reader.bytes();
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  reader.expectEnd(end);
  const record: RawRecord = {
    creditId,
    phase,
    conversation,
    turn,
    sessionId,
    sessionNum,
    requestId,
    correlationId,
    workerId: workerId === "" ? origin.workerId : workerId,
    targetIndex,
    model,
    dueNs,
    issuedNs,
    receivedNs,
    sentNs,
    wallOffsetNs: origin.wallOffsetNs,
    firstByteNs,
    endNs,
    connectNs,
    isConnectionReused,
    isStreaming,
    isCancelled,
    cancelledNs,
    requestBytes,
    responseBytes,
    requestedOutputTokens: requestedOutputTokens === 0 ? undefined : requestedOutputTokens,
    status,
    contentType,
    error,
    inputTokens: inputTokens === 0 ? undefined : inputTokens,
    inputText: inputText === "" ? undefined : inputText,
    stamps,
    payload,
  };
  return { record, parts };
}

function readError(reader: WireReader, end: number): RequestError {
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
  // Written by a worker of this version; other words are shown as they came.
  return { code: code as RequestErrorCode, phase: phase as RequestErrorPhase, message };
}

const empty = new Uint8Array(0);
/** Weight of a tenth byte of a varint, which is the last that protobuf allows. */
const maxScale = 128 ** 9;

/** Reads protobuf's wire format. Throws `invalid_argument` where the bytes end early or say what no writer says. */
class WireReader {
  at: number;
  private readonly buffer: Buffer;
  private readonly end: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  tag(): number {
    const tag = this.varint();
    if (tag < 8) throw malformed("a field has the number 0");
    return tag;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.buffer[this.at++];
      if (byte === undefined) throw malformed("a varint ends early");
      if (byte < 0x80) return scale === 1 ? byte : value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (scale > maxScale) throw malformed("a varint is longer than ten bytes");
    }
  }

  /** A message within the message must end where its length said. */
  expectEnd(end: number): void {
    if (this.at !== end) throw malformed(`a message that ends at byte ${end} has a field that ends at byte ${this.at}`);
  }

  /** Reads a length and returns where what follows it ends. */
  length(): number {
    const length = this.varint();
    if (this.at + length > this.end) throw malformed(`a field of ${length} bytes ends after the message`);
    return this.at + length;
  }

  double(): number {
    if (this.at + 8 > this.end) throw malformed("a double ends early");
    const value = this.buffer.readDoubleLE(this.at);
    this.at += 8;
    return value;
  }

  text(): string {
    const end = this.length();
    const value = this.buffer.toString("utf8", this.at, end);
    this.at = end;
    return value;
  }

  bytes(): Uint8Array {
    const end = this.length();
    const value = this.buffer.subarray(this.at, end);
    this.at = end;
    return value;
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 2) this.at = this.length();
    else if (wireType === 5) this.at += 4;
    else throw malformed(`wire type ${wireType}`);
  }
}

function malformed(what: string): AssayError {
  return new AssayError("invalid_argument", `record batch is malformed: ${what}`);
}

function writeFixedVarint(target: Uint8Array, at: number, value: number, width: number): void {
  let rest = value;
  for (let index = 0; index < width - 1; index++) {
    target[at + index] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[at + width - 1] = rest & 0x7f;
}
