import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { ExpectationSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import type { RawRecord as WireRecord } from "../../../gen/assay/record_processor/v1/record_pb.js";
import { RawRecordSchema } from "../../../gen/assay/record_processor/v1/record_pb.js";
import { ProcessRecordsRequestSchema } from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { isBatch, setBatchSeq } from "../../../services/common/batch-wire.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import { RecordBatchWriter, readRecordBatch } from "../../../services/common/record-batch.ts";
import { plainRecord } from "./records.ts";

const origin = { workerId: "w-origin", wallOffsetNs: 17.5 };
const id = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER));
const uint32 = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1));
// -0 is left out: a field that equals 0 is not written, and a time of -0 means the same.
const double = fc.oneof(fc.double(), fc.constantFrom(-1, Number.NaN, Number.NEGATIVE_INFINITY, 5e-324)).map((value) => value + 0);
const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "héllo 👋🏽", "\0", "日本語".repeat(50)));
const bytes = fc.uint8Array({ maxLength: 300 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const positive = uint32.filter((value) => value > 0);

const expectation = fc
  .record({ check: fc.constantFrom("exact", "regex"), values: fc.array(text) })
  .map((value) => toBinary(ExpectationSchema, create(ExpectationSchema, value)));

/** Records that the wire carries whole: 0 tokens and an empty text are the same as none. */
const record: fc.Arbitrary<RawRecord> = fc.record({
  images: maybe(positive),
  audioSeconds: maybe(double),
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
  workerId: text.filter((value) => value !== ""),
  targetIndex: uint32,
  model: text,
  dueNs: double,
  issuedNs: double,
  receivedNs: double,
  sentNs: double,
  wallOffsetNs: fc.constant(origin.wallOffsetNs),
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
  requestedOutputTokens: maybe(positive),
  status: uint32,
  contentType: text,
  error: maybe(
    fc.record({ code: fc.constantFrom("reset", "truncated"), phase: fc.constantFrom("wait", "stream"), message: text } as const),
  ),
  inputTokens: maybe(positive),
  inputText: maybe(text.filter((value) => value !== "")),
  expectation: maybe(expectation),
  stamps: bytes,
  payload: bytes,
  hasRequestBody: fc.boolean(),
  responseHeaders: maybe(text.filter((value) => value !== "")),
});

describe("record batch", () => {
  it("is read by the generated code as it was written", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, uint32), { maxLength: 5 }), id, (records, seq) => {
        const batch = generatedBatch(written(records, seq));
        expect(batch.seq).to.equal(BigInt(seq));
        expect(batch.records.map(withoutUnset)).to.deep.equal(records.map(([one, parts]) => withoutUnset(wireOf(one, parts))));
      }),
    );
  });

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, uint32), { maxLength: 5 }), id, (records, seq) => {
        const batch = readRecordBatch(written(records, seq), origin);
        expect(batch.seq).to.equal(seq);
        expect(batch.records.map(plain)).to.deep.equal(records.map(([one, parts]) => plain({ record: one, parts })));
      }),
    );
  });

  it("is read as the generated code has written it", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, uint32), { maxLength: 5 }), id, (records, seq) => {
        const wire = records.map(([one, parts]) => wireOf(one, parts));
        const batch = readRecordBatch(generatedBytes(BigInt(seq), wire), origin);
        expect(batch.seq).to.equal(seq);
        expect(batch.records.map(plain)).to.deep.equal(records.map(([one, parts]) => plain({ record: one, parts })));
      }),
    );
  });

  it("takes the worker of the stream where a record names none", () => {
    const [received] = readRecordBatch(written([[{ ...plainRecord, workerId: "" }, 0]], 1), origin).records;
    expect(received?.record.workerId).to.equal("w-origin");
  });

  it("grows beyond its first size, many times over", () => {
    const writer = new RecordBatchWriter();
    const payloads = [130 * 1024, 1, 1 << 20, 0].map((size, index) => Buffer.alloc(size, index + 1));
    for (const payload of payloads) writer.add({ ...plainRecord, payload });
    expect(writer.count).to.equal(4);
    const size = writer.sizeBytes;
    const message = writer.finish(1);
    expect(message).to.have.lengthOf(size);
    const { records } = readRecordBatch(message, origin);
    expect(records.map(({ record: { payload } }) => Buffer.compare(payload, payloads.shift() as Buffer))).to.deep.equal([
      0, 0, 0, 0,
    ]);
  });

  it("keeps its length when its seq changes", () => {
    const message = written([[plainRecord, 0]], 0);
    for (const seq of [1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const before = message.length;
      setBatchSeq(message, seq);
      expect(message).to.have.lengthOf(before);
      expect(readRecordBatch(message, origin).seq).to.equal(seq);
      expect(generatedBatch(message).seq).to.equal(BigInt(seq));
    }
  });

  it("may be empty", () => {
    const message = written([], 9);
    expect(readRecordBatch(message, origin)).to.deep.equal({ seq: 9, records: [] });
    expect(generatedBatch(message)).to.deep.include({ seq: 9n, records: [] });
  });

  it("refuses a record that no message can hold, and stays as it was", () => {
    const writer = new RecordBatchWriter();
    writer.add(plainRecord);
    const size = writer.sizeBytes;
    // Never touched, so it takes no memory.
    const payload = new Uint8Array(2 ** 28);
    expect(() => writer.add({ ...plainRecord, payload }))
      .to.throw(AssayError)
      .with.property("code", "resource_exhausted");
    expect(writer.sizeBytes).to.equal(size);
    writer.add(plainRecord);
    expect(readRecordBatch(writer.finish(1), origin).records).to.have.lengthOf(2);
  });

  it("skips fields that it does not know, of every wire type", () => {
    const unknown = Buffer.concat([
      Buffer.from([0xc0, 0x3e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), // 1000, varint −1
      Buffer.from([0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8]), // 1000, 64 bit
      Buffer.from([0xc2, 0x3e, 3, 1, 2, 3]), // 1000, bytes
      Buffer.from([0xc5, 0x3e, 1, 2, 3, 4]), // 1000, 32 bit
    ]);
    const inner = Buffer.concat([unknown, Buffer.from(toBinary(RawRecordSchema, wireOf(plainRecord, 0))), unknown]);
    const body = Buffer.concat([unknown, field(2, inner), unknown, Buffer.from([0x08, 0x05]), unknown]);
    const { seq, records } = readRecordBatch(field(2, body), origin);
    expect(seq).to.equal(5);
    expect(records.map(plain)).to.deep.equal([plain({ record: plainRecord, parts: 0 })]);
  });

  it("is refused wherever its bytes are cut", () => {
    const error = { code: "reset", phase: "wait", message: "gone" } as const;
    const message = written([[{ ...plainRecord, error, firstByteNs: 5, payload: Buffer.from("abc") }, 300]], 1);
    for (let end = 0; end < message.length; end++) expectRefused(message.subarray(0, end));
  });

  it("is refused where a record is cut within a batch whose length fits", () => {
    const inner = Buffer.from(toBinary(RawRecordSchema, wireOf({ ...plainRecord, payload: Buffer.alloc(40) }, 3)));
    for (let end = 1; end < inner.length; end++) {
      // What follows would be taken for the rest of the cut field by a reader that does not look at the record's length.
      const body = Buffer.concat([field(2, inner.subarray(0, end)), field(2, Buffer.alloc(64))]);
      const parsed = attempt(() => readRecordBatch(field(2, body), origin));
      const generated = attempt(() => fromBinary(ProcessRecordsRequestSchema, field(2, body)));
      if (generated instanceof Error) expect(parsed).to.be.instanceOf(AssayError);
    }
  });

  it("is refused where a field goes on beyond its record, though not beyond the batch", () => {
    const model = Buffer.from([0xca, 0x01, 3]);
    expectRefused(field(2, Buffer.concat([field(2, model), Buffer.from("abc")])));
    const code = field(16 >> 4, Buffer.alloc(0));
    const error = Buffer.concat([Buffer.from([0x82, 0x01, 1]), code.subarray(0, 1), Buffer.from([2]), Buffer.from("ab")]);
    expectRefused(field(2, field(2, error)));
  });

  it("never fails with anything but invalid_argument, whatever the bytes", () => {
    const message = written([[{ ...plainRecord, payload: Buffer.from("abc") }, 1]], 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(message);
        for (const [at, value] of changes) changed[at] = value;
        const outcome = attempt(() => readRecordBatch(changed, origin));
        if (outcome instanceof Error) expect(outcome).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (junk) => {
        const outcome = attempt(() => readRecordBatch(field(2, Buffer.from(junk)), origin));
        if (outcome instanceof Error) expect(outcome).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
      }),
      { numRuns: 500 },
    );
  });

  it("is told from a hello and a part by its first byte", () => {
    const bytesOf = (message: Parameters<typeof create<typeof ProcessRecordsRequestSchema>>[1]) =>
      toBinary(ProcessRecordsRequestSchema, create(ProcessRecordsRequestSchema, message));
    expect(isBatch(written([], 1))).to.equal(true);
    expect(isBatch(bytesOf({ message: { case: "hello", value: {} } }))).to.equal(false);
    expect(isBatch(bytesOf({ message: { case: "part", value: {} } }))).to.equal(false);
    expect(isBatch(Buffer.alloc(0))).to.equal(false);
    expectRefused(Buffer.from(bytesOf({ message: { case: "hello", value: {} } })));
  });
});

function written(records: readonly (readonly [RawRecord, number])[], seq: number): Buffer {
  const writer = new RecordBatchWriter();
  for (const [one, parts] of records) writer.add(one, parts);
  return writer.finish(seq);
}

function generatedBatch(message: Uint8Array) {
  const { message: decoded } = fromBinary(ProcessRecordsRequestSchema, message);
  if (decoded.case !== "batch") throw new Error(`a ${decoded.case} came`);
  return decoded.value;
}

function generatedBytes(seq: bigint, records: WireRecord[]): Buffer {
  const message = create(ProcessRecordsRequestSchema, { message: { case: "batch", value: { seq, records } } });
  return Buffer.from(toBinary(ProcessRecordsRequestSchema, message));
}

/** What the generated code calls a record. */
function wireOf(raw: RawRecord, parts: number): WireRecord {
  const { firstByteNs, connectNs, blockedNs, dnsNs, tcpNs, tlsNs, writtenNs, cancelledNs, audioSeconds, error } = raw;
  return create(RawRecordSchema, {
    creditId: BigInt(raw.creditId),
    phase: raw.phase,
    conversation: BigInt(raw.conversation),
    turn: raw.turn,
    session: BigInt(raw.sessionId),
    index: BigInt(raw.sessionNum),
    parentSession: BigInt(raw.parentSession === undefined ? 0 : raw.parentSession + 1),
    rootSession: BigInt(raw.rootSession === undefined ? 0 : raw.rootSession + 1),
    agentDepth: raw.agentDepth,
    target: raw.targetIndex,
    dueNs: raw.dueNs,
    issuedNs: raw.issuedNs,
    receivedNs: raw.receivedNs,
    sentNs: raw.sentNs,
    endNs: raw.endNs,
    status: raw.status,
    isCancelled: raw.isCancelled,
    isStreaming: raw.isStreaming,
    isConnectionReused: raw.isConnectionReused,
    requestBytes: BigInt(raw.requestBytes),
    responseBytes: BigInt(raw.responseBytes),
    requestedOutputTokens: raw.requestedOutputTokens ?? 0,
    inputTokens: raw.inputTokens ?? 0,
    model: raw.model,
    requestId: raw.requestId,
    correlationId: raw.correlationId,
    contentType: raw.contentType,
    workerId: raw.workerId,
    localAddress: raw.localAddress,
    remoteAddress: raw.remoteAddress,
    rowGroup: raw.rowGroup,
    inputText: raw.inputText ?? "",
    images: raw.images ?? 0,
    ...(audioSeconds === undefined ? {} : { audioSec: audioSeconds }),
    ...(raw.expectation === undefined ? {} : { expectation: fromBinary(ExpectationSchema, raw.expectation) }),
    reads: Uint8Array.from(raw.stamps),
    payload: Uint8Array.from(raw.payload),
    parts,
    hasRequestBody: raw.hasRequestBody ?? false,
    responseHeaders: raw.responseHeaders ?? "",
    ...(firstByteNs === undefined ? {} : { firstByteNs }),
    ...(connectNs === undefined ? {} : { connectNs }),
    ...(blockedNs === undefined ? {} : { blockedNs }),
    ...(dnsNs === undefined ? {} : { dnsNs }),
    ...(tcpNs === undefined ? {} : { tcpNs }),
    ...(tlsNs === undefined ? {} : { tlsNs }),
    ...(writtenNs === undefined ? {} : { writtenNs }),
    ...(cancelledNs === undefined ? {} : { cancelledNs }),
    ...(error === undefined ? {} : { error }),
  });
}

function withoutUnset(wire: WireRecord): object {
  return { ...wire, reads: [...wire.reads], payload: [...wire.payload], error: { ...wire.error } };
}

function plain({ record: raw, parts }: { readonly record: RawRecord; readonly parts: number }): object {
  return { ...raw, stamps: [...raw.stamps], payload: [...raw.payload], parts };
}

/** A length-delimited field with a number below 16. */
function field(number: number, bytesOfField: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytesOfField.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), bytesOfField]);
}

function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

function expectRefused(message: Buffer): void {
  expect(() => readRecordBatch(message, origin))
    .to.throw(AssayError)
    .with.property("code", "invalid_argument");
}
