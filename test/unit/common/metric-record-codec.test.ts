import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { MetricRecordSchema } from "../../../gen/assay/records_manager/v1/record_pb.js";
import type { MetricRecord } from "../../../services/common/metric-record.ts";
import { metricRecordOf, wireRecordOf } from "../../../services/common/metric-record-codec.ts";

const id = fc.oneof(fc.nat(), fc.maxSafeNat());
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const double = fc.double().map((value) => value + 0);
const text = fc.string({ unit: "grapheme" });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const record: fc.Arbitrary<MetricRecord> = fc.record({
  creditId: id,
  phase: uint32,
  conversation: id,
  turn: uint32,
  sessionId: id,
  sessionNum: id,
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
  values: fc.array(fc.oneof(fc.double(), fc.constant(Number.NaN)), { maxLength: 30 }).map((values) => Float64Array.from(values)),
  contentStamps: fc.uint8Array({ maxLength: 40 }).map((stamps) => Uint8Array.from(stamps)),
  finishReason: maybe(text.filter((reason) => reason !== "")),
  coalescedChunks: uint32,
  tokenSource: fc.constantFrom("usage", "counted", "none"),
  hasUsageMismatch: fc.boolean(),
  isStreamIgnored: fc.boolean(),
});

describe("metric record codec", () => {
  it("gives back every record that it has written", () => {
    fc.assert(
      fc.property(record, text, (before, processor) => {
        const bytes = toBinary(MetricRecordSchema, create(MetricRecordSchema, wireRecordOf(before, processor)));
        const wire = fromBinary(MetricRecordSchema, bytes);
        expect(wire.recordProcessorId).to.equal(processor);
        expect(plain(metricRecordOf(wire))).to.deep.equal(plain(before));
      }),
    );
  });

  it("takes a token source that it does not know for none", () => {
    expect(metricRecordOf(create(MetricRecordSchema, { tokenSource: "guessed" })).tokenSource).to.equal("none");
  });
});

function plain(record: MetricRecord): object {
  return { ...record, values: [...record.values], contentStamps: [...record.contentStamps] };
}
