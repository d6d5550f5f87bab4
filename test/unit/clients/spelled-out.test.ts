import { expect } from "chai";
import type { GivenRun } from "../../../clients/cli/run-options.ts";
import { problemsOfRun, runSpecJson, withoutOverruled } from "../../../clients/cli/run-options.ts";

function given(options: GivenRun["options"]): GivenRun {
  const all = { models: ["m"], ...options };
  return { options: all, origins: new Map(Object.keys(all).map((name) => [name, "argument"] as const)) };
}

const specOf = (options: GivenRun["options"]) => runSpecJson(withoutOverruled(given(options)).options);

describe("options of GenAI-Perf and perf_analyzer", () => {
  const types: readonly [options: GivenRun["options"], type: string][] = [
    [{ serviceKind: "triton" }, "trtllm"],
    [{ serviceKind: "triton", backend: "tensorrtllm" }, "trtllm"],
    [{ serviceKind: "triton", backend: "vllm" }, "triton_generate"],
    [{ serviceKind: "openai", endpointType: "completions" }, "completions"],
  ];
  for (const [options, type] of types) {
    it(`stand for an endpoint type: ${JSON.stringify(options)}`, () => {
      expect(specOf(options).endpoint).to.deep.equal({ type });
      expect(problemsOfRun(given(options))).to.deep.equal([]);
    });
  }

  it("are refused beside another endpoint type, and a backend of nothing", () => {
    expect(problemsOfRun(given({ serviceKind: "triton", endpointType: "kserve" }))).to.deep.equal([
      "--service-kind triton: stands for --endpoint-type trtllm, got kserve",
    ]);
    expect(problemsOfRun(given({ backend: "vllm" }))).to.deep.equal(["--backend vllm: needs --service-kind beside it"]);
  });

  it("name data that is made, or a file of it", () => {
    const endpointType = "tensor";
    expect(specOf({ endpointType, tensorData: "zero" }).endpoint).to.deep.include({ tensors: { data: "zero" } });
    const ofFile = { path: "in.json", format: "input_data" };
    expect(specOf({ endpointType, tensorData: "in.json" })).to.deep.include({ dataset: { file: ofFile } });
    expect(problemsOfRun(given({ endpointType, tensorData: "in.json", isl: 8 }))).to.deep.equal([
      "--input-file in.json: not together with --isl",
    ]);
  });

  it("put the batch where the endpoint type has it", () => {
    expect(specOf({ endpointType: "tensor", textBatchSize: 4 }).endpoint).to.deep.include({ tensors: { batch_size: 4 } });
    expect(specOf({ endpointType: "embeddings", textBatchSize: 4 }).dataset).to.deep.equal({ synthetic: { text_batch_size: 4 } });
  });
});
