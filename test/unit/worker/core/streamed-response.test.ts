import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ModelInferRequestSchema, ModelStreamInferResponseSchema } from "../../../../gen/inference/inference_service_pb.js";
import { idField, readStreamedResponse } from "../../../../services/worker/core/streamed-response.ts";

const flag = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
const read = (init: MessageInitShape<typeof ModelStreamInferResponseSchema>) =>
  readStreamedResponse(Buffer.from(toBinary(ModelStreamInferResponseSchema, create(ModelStreamInferResponseSchema, init))));

describe("a response of a stream", () => {
  const outputs = [{ name: "text_output", datatype: "BYTES", shape: [1n] }];
  const rawOutputContents = [Buffer.from("\x05\0\0\0hello", "latin1")];

  for (const isFinal of [true, false]) {
    it(`says whose it is, and that it is ${isFinal ? "" : "not "}the last`, () => {
      const parameters = {
        other: { parameterChoice: { case: "stringParam" as const, value: "x" } },
        triton_final_response: flag(isFinal),
      };
      const inferResponse = { modelName: "m", modelVersion: "1", id: "request-7", parameters, outputs, rawOutputContents };
      expect(read({ inferResponse })).to.deep.equal({ id: "request-7", isError: false, isFinal });
    });
  }

  it("says nothing of being the last where it has no such parameter", () => {
    expect(read({ inferResponse: { id: "a", parameters: { own: flag(true) } } })).to.deep.equal({
      id: "a",
      isError: false,
      isFinal: undefined,
    });
  });

  it("is an error where it has words for one, with the id of its request or without", () => {
    expect(read({ errorMessage: "no", inferResponse: { id: "a" } })).to.deep.equal({
      id: "a",
      isError: true,
      isFinal: undefined,
    });
    expect(read({ errorMessage: "no" })).to.deep.equal({ id: "", isError: true, isFinal: undefined });
  });

  it("is refused where it is no protobuf", () => {
    expect(() => readStreamedResponse(Buffer.of(0x12, 0x7f, 1))).to.throw("malformed");
    expect(() => readStreamedResponse(Buffer.of(0x12, 0x02, 0x1a, 0x7f))).to.throw("malformed");
  });
});

describe("the id of a request", () => {
  it("stands behind the message and counts", () => {
    const message = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, { modelName: "m", id: "first" }));
    const decoded = fromBinary(ModelInferRequestSchema, Buffer.concat([message, idField("second")]));
    expect([decoded.modelName, decoded.id]).to.deep.equal(["m", "second"]);
  });

  it("has a length of one byte", () => {
    expect(() => idField("x".repeat(128))).to.throw("an id has at most 127 bytes, got 128");
  });
});
