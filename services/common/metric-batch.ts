/**
 * The batch of metric records on the wire, written by the record-processor and read by the records-manager by hand, no message
 * object per record. It is plain protobuf of `IngestRecordsRequest`.
 * `assay/records_manager/v1/record.proto` is the contract; a test holds this against the generated code.
 */
import type { RequestError } from "../../endpoints/outcome.ts";
import { BatchFrame, errorBytes, readBatch, readError, writeRequest } from "./batch-wire.ts";
import type { CheckOutcome, MetricRecord, RawAnswer, TokenSource } from "./metric-record.ts";
import type { WireReader, WireWriter } from "./wire.ts";

/** Field numbers of MetricRecord. */
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
  model: 23,
  requestId: 24,
  correlationId: 25,
  workerId: 27,
  wallOffsetNs: 28,
  values: 29,
  contentStamps: 30,
  coalescedChunks: 31,
  finishReason: 32,
  tokenSource: 33,
  recordProcessorId: 34,
  parentSession: 36,
  rootSession: 37,
  hasUsageMismatch: 38,
  isStreamIgnored: 39,
  requestedOutputTokens: 40,
  raw: 41,
  agentDepth: 42,
  blockedNs: 43,
  dnsNs: 44,
  tcpNs: 45,
  tlsNs: 46,
  writtenNs: 47,
  localAddress: 48,
  remoteAddress: 49,
  rowGroup: 50,
  check: 51,
} as const;

/** Field numbers of RawAnswer. */
const rawField = { reads: 1, payload: 2, requestBody: 3, responseHeaders: 4, cutBytes: 5 } as const;

/** Field numbers of CheckOutcome. */
const checkField = { isCorrect: 1, reason: 2, answer: 3 } as const;

/** A record's numbers take less than this; its strings, values, stamps and answer come on top. */
const fixedRecordBytes = 512;

/** A metric record with who processed it. */
export interface ProcessedRecord {
  readonly record: MetricRecord;
  readonly recordProcessorId: string;
  /** The answer as it came; undefined: the run does not keep it. */
  readonly raw?: RawAnswer | undefined;
}

/** One batch while it is filled. Used once: `finish` hands its buffer over. */
export class MetricBatchWriter {
  private readonly frame: BatchFrame;

  /** Fills `buffer` from its start and owns it from then on; a larger one where it is too small. */
  constructor(buffer: Buffer) {
    this.frame = new BatchFrame(buffer);
  }

  get sizeBytes(): number {
    return this.frame.wire.end;
  }

  /** Appends one record; all of it is copied. Throws `resource_exhausted`, and leaves the batch as it was, for one that no message can hold. */
  add(record: MetricRecord, recordProcessorId: string, raw?: RawAnswer): void {
    const { frame } = this;
    const opened = frame.open(mostBytesOf(record, recordProcessorId, raw));
    writeRecord(frame.wire, record, recordProcessorId);
    if (raw !== undefined) writeRaw(frame.wire, raw);
    frame.close(opened);
  }

  /** The message's bytes, with this seq. The writer must not be used afterwards. */
  finish(seq: number): Buffer {
    return this.frame.finish(seq);
  }
}

/** A character takes three bytes at most. */
function mostBytesOf(record: MetricRecord, recordProcessorId: string, raw: RawAnswer | undefined): number {
  const { model, requestId, correlationId, workerId, finishReason, tokenSource, localAddress, remoteAddress, rowGroup } = record;
  const addresses = localAddress.length + remoteAddress.length;
  const names = rowGroup.length + model.length + requestId.length + correlationId.length + workerId.length + addresses;
  const headers = raw?.responseHeaders?.length ?? 0;
  const characters = names + headers + (finishReason?.length ?? 0) + tokenSource.length + recordProcessorId.length;
  const rawBytes = raw === undefined ? 0 : raw.reads.length + raw.payload.length + (raw.requestBody?.length ?? 0);
  return (
    fixedRecordBytes +
    8 * record.values.length +
    record.contentStamps.length +
    rawBytes +
    3 * characters +
    errorBytes(record.error) +
    checkBytes(record.check)
  );
}

function writeRecord(wire: WireWriter, record: MetricRecord, recordProcessorId: string): void {
  writeRequest(wire, field, record);
  wire.double(field.wallOffsetNs, record.wallOffsetNs);
  wire.doubles(field.values, record.values);
  wire.bytes(field.contentStamps, record.contentStamps);
  wire.uint(field.coalescedChunks, record.coalescedChunks);
  wire.text(field.finishReason, record.finishReason ?? "");
  wire.text(field.tokenSource, record.tokenSource);
  wire.text(field.recordProcessorId, recordProcessorId);
  wire.bool(field.hasUsageMismatch, record.hasUsageMismatch);
  wire.bool(field.isStreamIgnored, record.isStreamIgnored);
  if (record.check !== undefined) writeCheck(wire, record.check);
}

function checkBytes(check: CheckOutcome | undefined): number {
  return check === undefined ? 0 : 3 * (check.reason.length + check.answer.length) + 64;
}

function writeCheck(wire: WireWriter, { isCorrect, reason, answer }: CheckOutcome): void {
  const opened = wire.open(field.check);
  if (isCorrect === true) wire.bool(checkField.isCorrect, true);
  else if (isCorrect === false) wire.falseValue(checkField.isCorrect);
  wire.text(checkField.reason, reason);
  wire.text(checkField.answer, answer);
  wire.close(opened);
}

function writeRaw(wire: WireWriter, raw: RawAnswer): void {
  const { reads, payload, requestBody = noBytes, responseHeaders = "", cutBytes = 0 } = raw;
  const opened = wire.open(field.raw);
  wire.bytes(rawField.reads, reads);
  wire.bytes(rawField.payload, payload);
  wire.bytes(rawField.requestBody, requestBody);
  wire.text(rawField.responseHeaders, responseHeaders);
  wire.uint(rawField.cutBytes, cutBytes);
  wire.close(opened);
}

/** Reads the batches of one stream, whose records repeat most of their texts. */
export class MetricBatchReader {
  private model = "";
  private workerId = "";
  private finishReason = "";
  private tokenSource = "";
  private recordProcessorId = "";
  private localAddress = "";
  private remoteAddress = "";
  private rowGroup = "";

  /**
   * Reads a serialized `IngestRecordsRequest` that holds a batch; stamps and answers are views into it. Throws
   * `invalid_argument` on anything else.
   */
  read(message: Buffer): { readonly seq: number; readonly records: ProcessedRecord[] } {
    return readBatch(message, (reader, end) => this.readRecord(reader, end));
  }

  private readRecord(reader: WireReader, end: number): ProcessedRecord {
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
    let model = "";
    let requestId = "";
    let correlationId = "";
    let workerId = "";
    let wallOffsetNs = 0;
    let values = noValues;
    let contentStamps = noBytes;
    let coalescedChunks = 0;
    let finishReason: string | undefined;
    let tokenSource: TokenSource = "none";
    let recordProcessorId = "";
    let hasUsageMismatch = false;
    let isStreamIgnored = false;
    let requestedOutputTokens: number | undefined;
    let raw: RawAnswer | undefined;
    let check: CheckOutcome | undefined;
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
          localAddress = this.localAddress = reader.textLike(this.localAddress);
          break;
        case field.remoteAddress:
          remoteAddress = this.remoteAddress = reader.textLike(this.remoteAddress);
          break;
        case field.rowGroup:
          rowGroup = this.rowGroup = reader.textLike(this.rowGroup);
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
        case field.model:
          model = this.model = reader.textLike(this.model);
          break;
        case field.requestId:
          requestId = reader.text();
          break;
        case field.correlationId:
          correlationId = reader.text();
          break;
        case field.workerId:
          workerId = this.workerId = reader.textLike(this.workerId);
          break;
        case field.wallOffsetNs:
          wallOffsetNs = reader.double();
          break;
        case field.values:
          values = reader.doubles();
          break;
        case field.contentStamps:
          contentStamps = reader.bytes();
          break;
        case field.coalescedChunks:
          coalescedChunks = reader.varint();
          break;
        case field.finishReason:
          finishReason = this.finishReason = reader.textLike(this.finishReason);
          break;
        case field.tokenSource:
          this.tokenSource = reader.textLike(this.tokenSource);
          tokenSource = tokenSourceOf(this.tokenSource);
          break;
        case field.recordProcessorId:
          recordProcessorId = this.recordProcessorId = reader.textLike(this.recordProcessorId);
          break;
        case field.hasUsageMismatch:
          hasUsageMismatch = reader.varint() !== 0;
          break;
        case field.isStreamIgnored:
          isStreamIgnored = reader.varint() !== 0;
          break;
        case field.requestedOutputTokens:
          requestedOutputTokens = reader.varint();
          break;
        case field.raw:
          raw = readRaw(reader);
          break;
        case field.check:
          check = readCheck(reader);
          break;
        default:
          reader.skip(tag & 7);
      }
    }
    const record: MetricRecord = {
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
      workerId,
      targetIndex,
      model,
      dueNs,
      issuedNs,
      receivedNs,
      sentNs,
      wallOffsetNs,
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
      error,
      values,
      contentStamps,
      finishReason: finishReason === "" ? undefined : finishReason,
      coalescedChunks,
      tokenSource,
      hasUsageMismatch,
      isStreamIgnored,
      check,
    };
    return { record, recordProcessorId, raw };
  }
}

function readRaw(reader: WireReader): RawAnswer {
  const end = reader.length();
  let reads = noBytes;
  let payload = noBytes;
  let requestBody: Uint8Array | undefined;
  let responseHeaders: string | undefined;
  let cutBytes: number | undefined;
  while (reader.at < end) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case rawField.reads:
        reads = reader.bytes();
        break;
      case rawField.payload:
        payload = reader.bytes();
        break;
      case rawField.requestBody:
        requestBody = reader.bytes();
        break;
      case rawField.responseHeaders:
        responseHeaders = reader.text();
        break;
      case rawField.cutBytes:
        cutBytes = reader.varint();
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  reader.expectEnd(end);
  return { reads, payload, requestBody, responseHeaders, cutBytes };
}

function readCheck(reader: WireReader): CheckOutcome {
  const end = reader.length();
  let isCorrect: boolean | undefined;
  let reason = "";
  let answer = "";
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag >>> 3 === checkField.isCorrect) isCorrect = reader.varint() !== 0;
    else if (tag >>> 3 === checkField.reason) reason = reader.text();
    else if (tag >>> 3 === checkField.answer) answer = reader.text();
    else reader.skip(tag & 7);
  }
  reader.expectEnd(end);
  return { isCorrect, reason, answer };
}

function tokenSourceOf(source: string): TokenSource {
  return source === "usage" || source === "counted" ? source : "none";
}

const noBytes: Uint8Array = new Uint8Array(0);
const noValues: readonly number[] = [];
