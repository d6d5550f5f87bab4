import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { MetricRecordSchema, RawAnswerSchema } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { IngestRecordsRequestSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { isBatch } from "../../../services/common/batch-wire.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { MetricBatchReader, MetricBatchWriter, type ProcessedRecord } from "../../../services/common/metric-batch.ts";
import type { MetricRecord, RawAnswer } from "../../../services/common/metric-record.ts";
import { wireRecordOf } from "../../../services/common/metric-record-codec.ts";

const id = fc.oneof(fc.nat(), fc.maxSafeNat());
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const double = fc.double().map((value) => value + 0);
const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("", "m", "worker-1", "worker-2", "stop", "héllo 👋🏽"));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const record: fc.Arbitrary<MetricRecord> = fc.record({
  creditId: id,
  phase: uint32,
  conversation: id,
  turn: uint32,
  sessionId: id,
  sessionNum: id,
  parentSession: maybe(fc.nat()),
  rootSession: maybe(fc.nat()),
  agentDepth: fc.nat(9),
  requestId: text,
  correlationId: text,
  workerId: text,
  targetIndex: uint32,
  model: text,
  dueNs: double,
  issuedNs: double,
  receivedNs: double,
  sentNs: double,
  wallOffsetNs: double,
  firstByteNs: maybe(double),
  endNs: double,
  connectNs: maybe(double),
  blockedNs: maybe(double),
  dnsNs: maybe(double),
  tcpNs: maybe(double),
  tlsNs: maybe(double),
  writtenNs: maybe(double),
  localAddress: text,
  remoteAddress: text,
  rowGroup: text,
  isConnectionReused: fc.boolean(),
  isStreaming: fc.boolean(),
  isCancelled: fc.boolean(),
  cancelledNs: maybe(double),
  requestBytes: id,
  responseBytes: id,
  requestedOutputTokens: maybe(uint32.filter((tokens) => tokens > 0)),
  status: uint32,
  error: maybe(
    fc.record({ code: fc.constantFrom("reset", "http_5xx"), phase: fc.constantFrom("wait", "parse"), message: text } as const),
  ),
  values: fc.array(fc.oneof(fc.double(), fc.constant(Number.NaN)), { maxLength: 30 }),
  contentStamps: fc.uint8Array({ maxLength: 40 }).map((stamps) => Uint8Array.from(stamps)),
  finishReason: maybe(text.filter((reason) => reason !== "")),
  coalescedChunks: uint32,
  tokenSource: fc.constantFrom("usage", "counted", "none"),
  hasUsageMismatch: fc.boolean(),
  isStreamIgnored: fc.boolean(),
  check: maybe(fc.record({ isCorrect: maybe(fc.boolean()), reason: text, answer: text })),
});

const raw = maybe(
  fc.record({
    reads: fc.uint8Array({ maxLength: 9 }),
    payload: fc.uint8Array({ maxLength: 300 }),
    requestBody: maybe(fc.uint8Array({ minLength: 1, maxLength: 300 })),
    responseHeaders: maybe(text.filter((value) => value !== "")),
    cutBytes: maybe(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  }),
);
const processed: fc.Arbitrary<ProcessedRecord> = fc.record({ record, recordProcessorId: text, raw });
const records = fc.array(processed, { maxLength: 5 });

describe("metric batch", () => {
  it("is read by the generated code as it was written", () => {
    fc.assert(
      fc.property(records, id, (before, seq) => {
        const { message } = fromBinary(IngestRecordsRequestSchema, written(before, seq));
        expect(message.case).to.equal("batch");
        if (message.case !== "batch") return;
        expect(message.value.seq).to.equal(BigInt(seq));
        expect(message.value.records).to.deep.equal(before.map(generated));
      }),
    );
  });

  it("is read back as it was written, one after the other on the same stream", () => {
    const reader = new MetricBatchReader();
    fc.assert(
      fc.property(records, id, (before, seq) => {
        const after = reader.read(written(before, seq));
        expect(after.seq).to.equal(seq);
        expect(after.records.map(plain)).to.deep.equal(before.map(plain));
      }),
    );
  });

  it("is read as the generated code has written it", () => {
    const reader = new MetricBatchReader();
    fc.assert(
      fc.property(records, id, (before, seq) => {
        const after = reader.read(generatedBytes(BigInt(seq), before));
        expect(after.seq).to.equal(seq);
        expect(after.records.map(plain)).to.deep.equal(before.map(plain));
      }),
    );
  });

  it("leaves nothing of what its buffer held before", () => {
    const buffer = Buffer.alloc(4096, 0xff);
    const writer = new MetricBatchWriter(buffer);
    writer.add(sample, "p");
    const message = writer.finish(3);
    expect(message.buffer).to.equal(buffer.buffer);
    expect(message.equals(written([{ record: sample, recordProcessorId: "p" }], 3))).to.equal(true);
  });

  it("takes a token source that it does not know for none", () => {
    const message = create(IngestRecordsRequestSchema, {
      message: { case: "batch", value: { seq: 1n, records: [{ tokenSource: "guessed" }] } },
    });
    const [only] = new MetricBatchReader().read(Buffer.from(toBinary(IngestRecordsRequestSchema, message))).records;
    expect(only?.record.tokenSource).to.equal("none");
  });

  it("is told from a hello by its first byte", () => {
    const hello = create(IngestRecordsRequestSchema, { message: { case: "hello", value: {} } });
    expect(isBatch(toBinary(IngestRecordsRequestSchema, hello))).to.equal(false);
    expect(isBatch(written([], 1))).to.equal(true);
  });

  it("is refused wherever its bytes are cut, and never fails with anything but invalid_argument", () => {
    const error = { code: "reset", phase: "wait", message: "gone" } as const;
    const answer = {
      reads: new Uint8Array(3),
      payload: new Uint8Array(5),
      requestBody: new Uint8Array(2),
      responseHeaders: "{}",
    };
    const message = written([{ record: { ...sample, error }, recordProcessorId: "p", raw: answer }], 1);
    const refused = (bytes: Buffer) => expect(() => new MetricBatchReader().read(bytes)).to.throw(AssayError);
    for (let end = 0; end < message.length; end++) refused(message.subarray(0, end)).with.property("code", "invalid_argument");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(message);
        for (const [at, value] of changes) changed[at] = value;
        try {
          new MetricBatchReader().read(changed);
        } catch (failure) {
          expect(failure).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
        }
      }),
      { numRuns: 500 },
    );
  });
});

const sample = fc.sample(
  record.map((each) => ({ ...each, values: [1.5, Number.NaN] })),
  { numRuns: 1, seed: 5 },
)[0] as MetricRecord;

function written(records: readonly ProcessedRecord[], seq: number): Buffer {
  const writer = new MetricBatchWriter(Buffer.alloc(0));
  for (const each of records) writer.add(each.record, each.recordProcessorId, each.raw);
  return writer.finish(seq);
}

/** What the generated code calls a record. */
function generated({ record, recordProcessorId, raw }: ProcessedRecord) {
  return create(MetricRecordSchema, {
    ...wireRecordOf(record, recordProcessorId),
    ...(raw === undefined ? {} : { raw: wireRaw(raw) }),
  });
}

function wireRaw({ reads, payload, requestBody = new Uint8Array(0), responseHeaders = "", cutBytes = 0 }: RawAnswer) {
  return create(RawAnswerSchema, { reads, payload, requestBody, responseHeaders, cutBytes: BigInt(cutBytes) });
}

function generatedBytes(seq: bigint, records: readonly ProcessedRecord[]): Buffer {
  const batch = { case: "batch" as const, value: { seq, records: records.map(generated) } };
  return Buffer.from(toBinary(IngestRecordsRequestSchema, create(IngestRecordsRequestSchema, { message: batch })));
}

function plain({ record, recordProcessorId, raw }: ProcessedRecord): object {
  const answer =
    raw === undefined
      ? undefined
      : { ...raw, reads: [...raw.reads], payload: [...raw.payload], requestBody: [...(raw.requestBody ?? [])] };
  const values = Array.from(record.values);
  return { record: { ...record, values, contentStamps: [...record.contentStamps] }, recordProcessorId, raw: answer };
}
