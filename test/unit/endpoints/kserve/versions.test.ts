import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { createEndpoint, endpointNames } from "../../../../endpoints/catalog.ts";
import { requestPathOf } from "../../../../endpoints/endpoint.ts";
import { pathOfModel } from "../../../../endpoints/target-url.ts";
import { ModelInferRequestSchema } from "../../../../gen/inference/inference_service_pb.js";
import { plainTurn } from "../turns.ts";

const text = (name: string) => ({ name, datatype: "BYTES", shape: [1], isOptional: false });
const modelTensors = [{ model: "llama", maxBatchSize: 0, inputs: [text("IN")], outputs: [text("OUT")], hasSequences: false }];

function endpointOf(type: string, modelVersion?: string) {
  const version = modelVersion === undefined ? {} : { modelVersion };
  return createEndpoint(type, { modelTensors, ...version }) ?? expect.fail(type);
}

describe("the version of a model", () => {
  for (const type of ["triton_generate", "trtllm", "kserve", "tensor"]) {
    it(`is a field of each request of ${type}, empty where nobody names one`, () => {
      const versionOf = (modelVersion?: string): string => {
        const body = endpointOf(type, modelVersion).formatBody({ ...plainTurn, maxOutputTokens: 4 });
        return fromBinary(ModelInferRequestSchema, body).modelVersion;
      };
      expect([versionOf("3"), versionOf("")]).to.deep.equal(["3", ""]);
      expect(versionOf()).to.equal("");
    });
  }

  it("is a part of the path over REST", () => {
    const pathOf = (type: string, isStreaming: boolean, version?: string) =>
      pathOfModel(requestPathOf(endpointOf(type, version), isStreaming), "m/1");
    expect(pathOf("kserve_infer", false, "3")).to.equal("/v2/models/m%2F1/versions/3/infer");
    expect(pathOf("kserve_generate", false, "3")).to.equal("/v2/models/m%2F1/versions/3/generate");
    expect(pathOf("kserve_generate", true, "a/{model}")).to.equal("/v2/models/m%2F1/versions/a%2F%7Bmodel%7D/generate_stream");
    expect(pathOf("kserve_infer", false)).to.equal("/v2/models/m%2F1/infer");
    expect(pathOf("kserve_infer", false, "")).to.equal("/v2/models/m%2F1/infer");
  });

  it("is taken by the types of KServe's protocol alone", () => {
    const taking = endpointNames.filter((name) => createEndpoint(name)?.hasVersions === true);
    expect(taking).to.have.members(["kserve_infer", "kserve_generate", "triton_generate", "trtllm", "kserve", "tensor"]);
  });
});
