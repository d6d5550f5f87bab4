import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import { ArrivalPattern, ConnectionReuse, ModelSelection, RunSpecSchema } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { inputConfig } from "../../../../services/records-manager/exports/input-config.ts";
import { jsonText } from "../../../../services/records-manager/exports/json-text.ts";

function configOf(spec: MessageInitShape<typeof RunSpecSchema>) {
  return JSON.parse(jsonText(inputConfig(create(RunSpecSchema, spec), "/run")));
}

describe("a spec under the names of AIPerf's configuration", () => {
  it("says load and stop of each phase", () => {
    const config = configOf({
      phases: [
        {
          name: "warm",
          kind: PhaseKind.WARMUP,
          load: { case: "concurrency", value: { limit: 4 } },
          stop: { requestCount: 8n },
          graceSec: 30,
        },
        {
          name: "main",
          kind: PhaseKind.PROFILING,
          load: {
            case: "rate",
            value: { ratePerSec: 12.5, pattern: ArrivalPattern.CONSTANT, concurrencyCeiling: 100 },
          },
          stop: { durationSec: 60 },
          graceSec: 5,
        },
      ],
    });
    expect(config.phases).to.deep.equal([
      { name: "warm", kind: "warmup", type: "concurrency", exclude_from_results: true, requests: 8, concurrency: 4 },
      { name: "main", kind: "profiling", type: "constant", duration: 60, concurrency: 100, grace_period: 5, rate: 12.5 },
    ]);
  });

  it("says what bounds prefill, what is given up, how limits rise, and which phase does not wait for the one before", () => {
    const load = { case: "rate", value: { ratePerSec: 8, concurrencyCeiling: 40 } } as const;
    const main = {
      name: "main",
      load,
      prefillConcurrency: 4,
      cancellation: { share: 0.07, delaySec: 0.5 },
      ramps: [
        { quantity: "concurrency", durationSec: 10 },
        { quantity: "prefill_concurrency", durationSec: 5, shape: "exponential" },
        { quantity: "rate", durationSec: 2.5, shape: "linear" },
      ],
    };
    const { phases } = configOf({ phases: [{ name: "warm", load, isSeamless: true }, main] });
    expect(phases[0]).to.not.have.any.keys("seamless", "cancellation", "prefill_concurrency", "rate_ramp");
    expect(phases[1]).to.deep.include({
      concurrency: 40,
      concurrency_ramp: { duration: 10, strategy: "linear" },
      prefill_concurrency: 4,
      prefill_ramp: { duration: 5, strategy: "exponential" },
      cancellation: { rate: 7, delay: 0.5 },
      seamless: true,
      rate_ramp: { duration: 2.5, strategy: "linear" },
    });
  });

  it("says where requests go and what is in them", () => {
    const config = configOf({
      models: ["a", "b"],
      target: { urls: [{ url: "http://h:1" }], connectionReuse: ConnectionReuse.NEVER, requestTimeoutSec: 10 },
      endpoint: { type: "chat", path: "/v2", useLegacyMaxTokens: true },
    });
    expect(config.models).to.deep.equal({ items: [{ name: "a" }, { name: "b" }] });
    expect(config.endpoint).to.deep.equal({
      urls: ["http://h:1"],
      type: "chat",
      path: "/v2",
      timeout: 10,
      streaming: false,
      connection_reuse: "never",
      use_legacy_max_tokens: true,
    });
  });

  it("names a file as a file", () => {
    const config = configOf({ dataset: { source: { case: "file", value: { path: "prompts.jsonl" } } } });
    expect(config.datasets[0]).to.deep.include({ name: "main", type: "file", path: "prompts.jsonl" });
    const value = { path: "p", format: "single_turn", outputTokens: { mean: 9 } };
    expect(configOf({ dataset: { source: { case: "file", value } } }).datasets[0]).to.deep.include({
      format: "single_turn",
      osl: { mean: 9 },
    });
  });

  it("says how models are chosen, and who counts tokens, where that is said", () => {
    const config = configOf({
      models: ["a", "b"],
      modelSelection: ModelSelection.WEIGHTED,
      modelWeights: [3, 1],
      endpoint: { useServerTokenCount: true },
    });
    expect(config.models).to.deep.equal({
      strategy: "weighted",
      items: [
        { name: "a", weight: 3 },
        { name: "b", weight: 1 },
      ],
    });
    expect(config.endpoint).to.include({ use_server_token_count: true });
    expect(configOf({ models: ["a"], modelSelection: ModelSelection.ROUND_ROBIN }).models).to.deep.equal({
      items: [{ name: "a" }],
    });
  });

  it("says which files are written, and where", () => {
    const artifacts = (output: object) => configOf({ output }).artifacts;
    expect(artifacts({ exportLevel: "summary" })).to.deep.equal({ dir: "/run", records: false });
    expect(artifacts({ exportLevel: "raw", exportPrefix: "p" })).to.deep.equal({
      dir: "/run",
      prefix: "p",
      records: ["jsonl"],
      raw: true,
    });
  });
});
