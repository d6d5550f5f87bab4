import { create, fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { tensorOf } from "../../../../endpoints/kserve/tensor/tensor.ts";
import { ModelInferResponseSchema, ModelStreamInferResponseSchema } from "../../../../gen/inference/inference_service_pb.js";
import { encodingOf, frame, MessageReader } from "../../../../mock/grpc/message-reader.ts";
import { type InferResponse, responseFrame, streamFrame } from "../../../../mock/grpc/response-frame.ts";
import { codeOfHttpStatus, headerMessage } from "../../../../mock/grpc/status.ts";
import { compressedFrame } from "../../../../services/common/grpc-compression.ts";

function framed(message: Uint8Array): Buffer {
  const { bytes, at } = frame(message.length);
  bytes.set(message, at);
  return bytes;
}

describe("the mock's messages over gRPC", () => {
  it("are read whole, wherever the bytes are cut", () => {
    const messages = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(300, 7)];
    const bytes = Buffer.concat(messages.map(framed));
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new MessageReader(1000);
      const read = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((part) => reader.feed(part) as Buffer[]);
      expect(read, `${at}`).to.deep.equal(messages);
    }
    const slow = new MessageReader(1000);
    expect([...bytes].flatMap((byte) => slow.feed(Buffer.of(byte)) as Buffer[])).to.deep.equal(messages);
  });

  it("are refused where they are too large", () => {
    expect(new MessageReader(2).feed(framed(Buffer.from("one")))).to.include({ code: 8 });
  });

  it("are read as they were before they were compressed, and refused where that is not said, or makes them too large", () => {
    const message = Buffer.alloc(500, "word ");
    for (const compression of ["gzip", "deflate"] as const) {
      const packed = compressedFrame(compression, message);
      expect(new MessageReader(500, compression).feed(packed)).to.deep.equal([message]);
      expect(new MessageReader(499, compression).feed(packed)).to.include({ code: 8 });
    }
    expect(new MessageReader(500).feed(compressedFrame("gzip", message))).to.include({ code: 13 });
    expect(new MessageReader(500, "gzip").feed(Buffer.of(1, 0, 0, 0, 1, 0))).to.include({ code: 13 });
  });

  it("come back as they were sent, where the client takes that", () => {
    const accepted = { "grpc-encoding": "gzip", "grpc-accept-encoding": "identity, gzip" };
    expect(encodingOf({})).to.deep.equal({ encoding: "identity", ofAnswer: "none" });
    expect(encodingOf(accepted)).to.deep.equal({ encoding: "gzip", ofAnswer: "gzip" });
    expect(encodingOf({ "grpc-encoding": "deflate" })).to.deep.equal({ encoding: "deflate", ofAnswer: "none" });
    expect(encodingOf({ "grpc-encoding": "snappy" })).to.include({ code: 12 });
  });

  it("say what the generated code reads", () => {
    const shape = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 3 });
    const output = fc
      .record({ name: fc.string({ unit: "binary", maxLength: 60 }), shape, raw: fc.uint8Array({ maxLength: 5000 }) })
      .map(({ name, shape, raw }) => ({ ...tensorOf(name, "UINT8", [0], []), shape, raw }));
    const response: fc.Arbitrary<InferResponse> = fc.record({
      model: fc.string({ unit: "binary" }),
      version: fc.constantFrom("", "1"),
      id: fc.string({ unit: "binary", maxLength: 2000 }),
      isFinal: fc.constantFrom(true, false, undefined),
      stamps: fc.option(
        fc.record({ receivedNs: fc.integer({ min: 1, max: 2 ** 52 }), sentNs: fc.integer({ min: 1, max: 2 ** 52 }) }),
        { nil: undefined },
      ),
      outputs: fc.array(output, { maxLength: 4 }),
    });
    const parameter = (value: boolean | number) =>
      typeof value === "boolean"
        ? { parameterChoice: { case: "boolParam" as const, value } }
        : { parameterChoice: { case: "int64Param" as const, value: BigInt(value) } };
    const expected = ({ model, version, id, isFinal, stamps, outputs }: InferResponse) =>
      create(ModelInferResponseSchema, {
        modelName: model.toWellFormed(),
        modelVersion: version,
        id: id.toWellFormed(),
        parameters: {
          ...(isFinal === undefined ? {} : { triton_final_response: parameter(isFinal) }),
          ...(stamps && { assay_received_ns: parameter(stamps.receivedNs), assay_sent_ns: parameter(stamps.sentNs) }),
        },
        outputs: outputs.map(({ name, datatype, shape }) => ({ name: name.toWellFormed(), datatype, shape: shape.map(BigInt) })),
        rawOutputContents: outputs.map(({ raw }) => raw),
      });
    const messageOf = (bytes: Buffer) => {
      const [message] = new MessageReader(2 ** 24).feed(bytes) as Buffer[];
      return message!;
    };
    fc.assert(
      fc.property(response, fc.string({ unit: "binary" }), (response, error) => {
        const inferResponse = expected(response);
        // A Buffer of a pool and an array of bytes are not the same to chai.
        const plain = (message: object) =>
          JSON.stringify(message, (_, value) =>
            typeof value === "bigint" ? `${value}` : value instanceof Uint8Array ? [...value] : value,
          );
        const normal = (message: { rawOutputContents: Uint8Array[] }) => ({
          ...message,
          rawOutputContents: message.rawOutputContents.map((raw) => [...raw]),
        });
        const unary = fromBinary(ModelInferResponseSchema, messageOf(responseFrame(response)));
        expect(plain(normal(unary))).to.equal(plain(normal(inferResponse)));
        const streamed = fromBinary(ModelStreamInferResponseSchema, messageOf(streamFrame(error, response)));
        expect(streamed.errorMessage).to.equal(error.toWellFormed());
        expect(plain(normal(streamed.inferResponse!))).to.equal(plain(normal(inferResponse)));
      }),
      { numRuns: 200 },
    );
  });

  it("have room for an error that repeats an id of half the longest message", () => {
    const id = "i".repeat(40_000_000);
    const response = { model: "", version: "", id, isFinal: undefined, stamps: undefined, outputs: [] };
    const [message] = new MessageReader(2 ** 28).feed(streamFrame(`the request ${id}${id} is wrong`, response)) as Buffer[];
    const { errorMessage, inferResponse } = fromBinary(ModelStreamInferResponseSchema, message!);
    expect(inferResponse?.id.length).to.equal(id.length);
    expect(errorMessage).to.match(/^the request i+$/);
  });
});

describe("the mock's statuses over gRPC", () => {
  it("have messages that are ASCII", () => {
    expect(headerMessage("input 'é' is 100% wrong\n")).to.equal("input '%C3%A9' is 100%25 wrong%0A");
    expect(headerMessage("  got [1,3]. ")).to.equal("%20%20got [1,3].%20");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (message) => {
        const header = headerMessage(message);
        return /^[ -~]*$/.test(header) && decodeURIComponent(header) === message.toWellFormed();
      }),
    );
  });

  it("have messages that fit a header", () => {
    for (const character of ["n", "%", "é", "語", "😀"]) {
      const header = headerMessage(character.repeat(100_000));
      expect(header.length, character).to.be.within(1000, 16_000);
      expect(decodeURIComponent(header).startsWith(character.repeat(500))).to.equal(true);
    }
  });

  it("mean what HTTP's mean", () => {
    expect([400, 418, 429, 503, 520].map(codeOfHttpStatus)).to.deep.equal([3, 9, 8, 14, 2]);
  });
});
