/**
 * The record batch on the wire, written and read by hand: one pass into one buffer in the worker, views into one buffer in
 * the record-processor, no message object per record. It is plain protobuf of `ProcessRecordsRequest`.
 * `assay/record_processor/v1/record.proto` is the contract; a test holds this against the generated code.
 */
import type { RequestError } from "../../endpoints/outcome.ts";
import { BatchFrame, errorBytes, readBatch, readError, writeRequest } from "./batch-wire.ts";
import type { RawRecord } from "./raw-record.ts";
import type { WireReader, WireWriter } from "./wire.ts";

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
  parentSession: 33,
  rootSession: 34,
  workerId: 36,
  inputText: 37,
  agentDepth: 38,
  blockedNs: 39,
  dnsNs: 40,
  tcpNs: 41,
  tlsNs: 42,
  writtenNs: 43,
  localAddress: 44,
  remoteAddress: 45,
  rowGroup: 50,
  images: 46,
  audioSec: 47,
  hasRequestBody: 48,
  responseHeaders: 49,
  expectation: 51,
} as const;

/** A record's numbers and short strings take less than this; its strings, stamps and payload come on top. */
const fixedRecordBytes = 512;

/** One batch while it is filled. Used once: `finish` hands its buffer over. */
export class RecordBatchWriter {
  private readonly frame: BatchFrame;

  /** Fills `buffer` from its start and owns it from then on; a larger one where it is too small. Default: a new one for a record of a few bytes. */
  constructor(buffer: Buffer = Buffer.allocUnsafeSlow(fixedRecordBytes)) {
    this.frame = new BatchFrame(buffer);
  }

  get count(): number {
    return this.frame.count;
  }

  get sizeBytes(): number {
    return this.frame.wire.end;
  }

  /**
   * Appends one record. Its payload, stamps and strings are copied. `parts`: pieces of its payload that went before. Throws
   * `resource_exhausted`, and leaves the batch as it was, for a record that no message can hold.
   */
  add(record: RawRecord, parts = 0): void {
    const { frame } = this;
    const opened = frame.open(mostBytesOf(record));
    writeRecord(frame.wire, record, parts);
    frame.close(opened);
  }

  /** The message's bytes, with this seq. The writer must not be used afterwards. */
  finish(seq: number): Buffer {
    return this.frame.finish(seq);
  }
}

/** A character takes three bytes at most. */
function mostBytesOf(record: RawRecord): number {
  const {
    model,
    requestId,
    correlationId,
    contentType,
    workerId,
    inputText,
    localAddress,
    remoteAddress,
    responseHeaders,
    rowGroup,
  } = record;
  const characters =
    model.length +
    requestId.length +
    correlationId.length +
    contentType.length +
    workerId.length +
    (inputText?.length ?? 0) +
    (responseHeaders?.length ?? 0) +
    localAddress.length +
    remoteAddress.length +
    rowGroup.length;
  const bytes = record.payload.length + record.stamps.length + (record.expectation?.length ?? 0);
  return fixedRecordBytes + bytes + 3 * characters + errorBytes(record.error);
}

function writeRecord(wire: WireWriter, record: RawRecord, parts: number): void {
  writeRequest(wire, field, record);
  wire.uint(field.inputTokens, record.inputTokens ?? 0);
  wire.text(field.contentType, record.contentType);
  wire.text(field.inputText, record.inputText ?? "");
  wire.uint(field.images, record.images ?? 0);
  wire.optionalDouble(field.audioSec, record.audioSeconds);
  wire.bool(field.hasRequestBody, record.hasRequestBody === true);
  wire.text(field.responseHeaders, record.responseHeaders ?? "");
  if (record.expectation !== undefined) wire.bytes(field.expectation, record.expectation);
  wire.uint(field.parts, parts);
  wire.bytes(field.reads, record.stamps);
  wire.bytes(field.payload, record.payload);
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

/** Reads a serialized `ProcessRecordsRequest` that holds a batch. Throws `invalid_argument` on anything else. */
export function readRecordBatch(message: Buffer, origin: BatchOrigin): RecordBatch {
  return readBatch(message, (reader, end) => readRecord(reader, end, origin));
}

function readRecord(reader: WireReader, end: number, origin: BatchOrigin): ReceivedRecord {
  let creditId = 0;
  let phase = 0;
  let conversation = 0;
  let turn = 0;
  let sessionId = 0;
  let sessionNum = 0;
  let parentSession = 0;
  let rootSession = 0;
  let agentDepth = 0;
  let targetIndex = 0;
  let dueNs = 0;
  let issuedNs = 0;
  let receivedNs = 0;
  let sentNs = 0;
  let firstByteNs: number | undefined;
  let endNs = 0;
  let connectNs: number | undefined;
  let blockedNs: number | undefined;
  let dnsNs: number | undefined;
  let tcpNs: number | undefined;
  let tlsNs: number | undefined;
  let writtenNs: number | undefined;
  let localAddress = "";
  let remoteAddress = "";
  let rowGroup = "";
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
  let images = 0;
  let audioSeconds: number | undefined;
  let hasRequestBody = false;
  let responseHeaders = "";
  let expectation: Uint8Array | undefined;
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
      case field.parentSession:
        parentSession = reader.varint();
        break;
      case field.rootSession:
        rootSession = reader.varint();
        break;
      case field.agentDepth:
        agentDepth = reader.varint();
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
      case field.blockedNs:
        blockedNs = reader.double();
        break;
      case field.dnsNs:
        dnsNs = reader.double();
        break;
      case field.tcpNs:
        tcpNs = reader.double();
        break;
      case field.tlsNs:
        tlsNs = reader.double();
        break;
      case field.writtenNs:
        writtenNs = reader.double();
        break;
      case field.localAddress:
        localAddress = reader.text();
        break;
      case field.remoteAddress:
        remoteAddress = reader.text();
        break;
      case field.rowGroup:
        rowGroup = reader.text();
        break;
      case field.status:
        status = reader.varint();
        break;
      case field.error:
        error = readError(reader);
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
      case field.images:
        images = reader.varint();
        break;
      case field.audioSec:
        audioSeconds = reader.double();
        break;
      case field.hasRequestBody:
        hasRequestBody = reader.varint() !== 0;
        break;
      case field.responseHeaders:
        responseHeaders = reader.text();
        break;
      case field.expectation:
        expectation = reader.bytes();
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
  const record: RawRecord = {
    creditId,
    phase,
    conversation,
    turn,
    sessionId,
    sessionNum,
    parentSession: parentSession === 0 ? undefined : parentSession - 1,
    rootSession: rootSession === 0 ? undefined : rootSession - 1,
    agentDepth,
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
    blockedNs,
    dnsNs,
    tcpNs,
    tlsNs,
    writtenNs,
    localAddress,
    remoteAddress,
    rowGroup,
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
    images: images === 0 ? undefined : images,
    audioSeconds,
    expectation,
    stamps,
    payload,
    hasRequestBody,
    responseHeaders: responseHeaders === "" ? undefined : responseHeaders,
  };
  return { record, parts };
}

const empty = new Uint8Array(0);
