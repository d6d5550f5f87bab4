/** The look at a server of KServe's inference service before a run, against the built-in one. */
import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { ModelTensors } from "../../../endpoints/kserve/model-tensors.ts";
import type { AskTarget } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { ModelMetadataRequestSchema } from "../../../gen/inference/inference_service_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock } from "../../../mock/server.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { checkTarget } from "../../../services/controller/target-check.ts";
import { askTarget } from "../../../services/worker/ask-target.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { Harness } from "../rpc/harness.ts";
import { ends, serveHttp2 } from "../worker/http2-server.ts";
import { type SpecInit, specOf } from "./suite.ts";

describe("the look at a server of gRPC before a run", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function serve(options: Partial<MockOptions> = {}): Promise<string> {
    const mock = await createMock({ grpcPort: 0, ...options });
    harness.onClose(() => mock.stop());
    return `grpc://${mock.grpcAddress}`;
  }

  /** What stops the run, what it is told, and which calls were made. */
  async function check(
    url: string,
    model: string,
    endpoint: NonNullable<SpecInit["endpoint"]>,
    waitForModel?: { timeoutSec: number; mode: string },
  ) {
    const given = specOf({ models: [model], target: { urls: [{ url }], ...(waitForModel && { waitForModel }) }, endpoint });
    const asked: string[] = [];
    const versions: string[] = [];
    const notes: string[] = [];
    let tensors: readonly ModelTensors[] = [];
    const over = new AbortController();
    const failure = await checkTarget({
      spec: compileRunSpec(given, () => 1n).spec,
      over: over.signal,
      ask: ({ question, ...rest }: AskTarget) => {
        if (question.case === "call") versions.push(fromBinary(ModelMetadataRequestSchema, question.value.message).version);
        asked.push(question.case === "call" ? (question.value.path.split("/").at(-1) ?? "") : String(question.case));
        return askTarget({ question, ...rest }, "w1", over.signal);
      },
      note: (_, message) => notes.push(message),
    }).then(
      (models) => {
        tensors = models;
        return undefined;
      },
      (error: unknown) => (error instanceof AssayError ? error.message : expect.fail(String(error))),
    );
    return { failure, notes, asked, versions, tensors };
  }

  const streaming = { type: "triton_generate", streaming: true };

  it("is three calls that compute nothing", async () => {
    const asked = ["ModelMetadata", "ModelReady", "ModelConfig"];
    const url = await serve();
    const passed = { failure: undefined, notes: [], asked, tensors: [] };
    expect(await check(url, "vllm_model", streaming)).to.deep.include(passed);
    expect(await check(url, "ensemble_unary", { type: "trtllm" })).to.deep.include(passed);
  });

  it("asks for a token where inference is waited for", async () => {
    const { failure, asked } = await check(await serve(), "vllm_model", streaming, { timeoutSec: 5, mode: "inference" });
    expect(failure).to.equal(undefined);
    expect(asked.at(-1)).to.equal("model");
  });

  it("names a model that is not there, and those that are", async () => {
    const url = await serve();
    expect((await check(url, "vllm_models", streaming)).failure).to.match(
      /^POST grpc:.*\/ModelMetadata: grpc_not_found: .*unknown model: 'vllm_models' is not found; did you mean vllm_model\? it lists: .*ensemble/,
    );
  });

  it("asks for the version that the run names, and says which there are where that is none of them", async () => {
    const url = await serve();
    const versioned = (modelVersion: string) => ({ ...streaming, modelVersion });
    const { failure, versions, notes } = await check(url, "vllm_model", versioned("1"));
    expect({ failure, notes }).to.deep.equal({ failure: undefined, notes: [] });
    expect(versions).to.deep.equal(["1", "1", "1"]);
    expect((await check(url, "vllm_model", streaming)).versions).to.deep.equal(["", "", ""]);
    expect((await check(url, "vllm_model", versioned("7"))).failure).to.match(
      /^POST grpc:.*ModelMetadata: grpc_not_found: .*'vllm_model' version 7 is not found; --model-version: model vllm_model has version 1$/,
    );
    expect((await check(url, "vllm_models", versioned("7"))).failure).to.contain("did you mean vllm_model?");
    expect((await check(url, "vllm_model", versioned("latest"))).failure).to.match(
      /grpc_invalid_argument: grpc status 3: failed to get model version from specified version string 'latest'.*value > 0$/,
    );
  });

  it("asks for it over HTTP, too, in the path", async () => {
    const mock = await createMock();
    harness.onClose(() => mock.stop());
    const ofVersion = (modelVersion: string) => check(mock.url, "m", { type: "kserve_infer", modelVersion });
    expect((await ofVersion("1")).failure).to.equal(undefined);
    expect((await ofVersion("7")).failure).to.match(
      /^POST http:.*\/v2\/models\/m\/versions\/7\/infer: status 404: .*version 7 is not found; is the model's name right, and --model-version\?$/,
    );
  });

  it("has one line for a decoupled model without a stream, and a note for a stream of one that is not", async () => {
    const url = await serve();
    expect((await check(url, "vllm_model", { type: "triton_generate" })).failure).to.equal(
      "model vllm_model is decoupled, which a call without a stream cannot ask; add --streaming",
    );
    expect((await check(url, "ensemble_unary", { type: "trtllm", streaming: true })).notes).to.deep.equal([
      "model ensemble_unary is not decoupled: a stream of trtllm has one response at most",
    ]);
  });

  it("has one line for tensors that the model does not take", async () => {
    const url = await serve();
    const hint = "are --endpoint-type and --extra-inputs right for this model?";
    expect((await check(url, "add_sub", streaming)).failure).to.equal(
      `model add_sub has no input text_input, it has INPUT0, INPUT1; ${hint}`,
    );
    expect((await check(url, "ensemble", streaming)).failure).to.equal(
      `input text_input of model ensemble is BYTES [-1,1], and triton_generate sends BYTES [1]; ${hint}`,
    );
    const odd = { type: "trtllm", streaming: true, extraInputs: { temprature: 0.5 } };
    expect((await check(url, "ensemble", odd)).failure).to.contain("model ensemble has no input temprature, it has text_input");
    const wrong = { type: "trtllm", streaming: true, extraInputs: { stop_words: 3 } };
    expect((await check(url, "ensemble", wrong)).failure).to.contain("is BYTES [-1,-1], and trtllm sends INT32 [1,1]");
  });

  it("finds out what tensors a model has, and what of them a run leaves open or gets wrong", async () => {
    const url = await serve();
    const tensor = (more: object = {}) => ({ type: "tensor", tensors: more });
    const { failure, tensors } = await check(url, "add_sub", tensor({ batchSize: 8 }));
    expect(failure).to.equal(undefined);
    expect(tensors).to.have.lengthOf(1);
    expect(tensors[0]).to.deep.include({ model: "add_sub", maxBatchSize: 8 });
    expect(tensors[0]?.inputs[0]).to.deep.equal({ name: "INPUT0", datatype: "FP32", shape: [4], isOptional: false });
    const failureOf = async (model: string, more: object, extraInputs = {}) =>
      (await check(url, model, { ...tensor(more), extraInputs })).failure;
    expect(await failureOf("add_sub", { batchSize: 9 })).to.equal("model add_sub takes 8 in a batch, and --batch-size is 9");
    expect(await failureOf("identity", {})).to.equal("the model leaves sizes of INPUT0 FP32 [-1] open: add --shape INPUT0:N");
    expect(await failureOf("identity", { shapes: { INPUT0: { sizes: [2n, 2n] } } })).to.equal(
      "the model has INPUT0 FP32 [-1], and --shape says [2,2]",
    );
    expect(await failureOf("add_sub", {}, { INPUT1: [1, 2, 3] })).to.contain("shape [1,4] needs 4 elements, got 3");
    expect(await failureOf("vllm_model", {})).to.contain("add --streaming");
  });

  it("finds the tensors of a model of text, and says what it has where they are not clear", async () => {
    const url = await serve();
    const failureOf = async (model: string, tensors: object, more: object = {}) =>
      (await check(url, model, { type: "kserve", tensors, ...more })).failure;
    expect(await failureOf("identity_bytes", {})).to.equal(undefined);
    expect(await failureOf("identity", {})).to.contain(
      "the text is not clear: name it by --text-input-name, it has INPUT0 FP32 [-1]",
    );
    expect(await failureOf("identity_bytes", { textOutput: "OUT" })).to.contain("has no output OUT, it has OUTPUT0 BYTES [-1]");
    expect(await failureOf("ensemble_unary", {})).to.equal(
      "model ensemble_unary needs max_tokens INT32 [1]: give it by --osl TOKENS",
    );
  });

  it("says what is there where nobody listens, and where something else does", async () => {
    expect((await check("grpc://127.0.0.1:1", "m", streaming)).failure).to.match(/connect_refused.*is the server running/);
    const mock = await createMock();
    harness.onClose(() => mock.stop());
    const other = await check(mock.url.replace("http", "grpc"), "m", streaming);
    expect(other.failure).to.contain("is it the port of gRPC");
  });

  it("says that a server of gRPC has not the service", async () => {
    const address = await serveHttp2(harness, (stream) => ends(stream, { "grpc-status": "12" }, Buffer.alloc(0)));
    const { failure, asked } = await check(`grpc://${address}`, "m", streaming);
    expect(failure).to.equal(
      "the server does not have KServe's inference service; is it the port of gRPC of an inference server?",
    );
    expect(asked).to.deep.equal(["ModelMetadata", "ModelReady"]);
  });

  it("says that a model is not ready", async () => {
    const address = await serveHttp2(harness, (stream, head) => {
      // `ready` is false, which is no byte; there is no other call.
      const isReady = head[":path"] === "/inference.GRPCInferenceService/ModelReady";
      ends(stream, { "grpc-status": isReady ? "0" : "12" }, isReady ? Buffer.alloc(5) : Buffer.alloc(0));
    });
    expect((await check(`grpc://${address}`, "m", streaming)).failure).to.match(
      /^model m is not ready; .*--wait-for-model-timeout/,
    );
  });

  it("asks for a key where the server wants one", async () => {
    const { failure } = await check(await serve({ apiKeys: ["secret"] }), "vllm_model", streaming);
    expect(failure).to.match(/grpc_unauthenticated: .*a key is needed; give a key with --api-key/);
  });

  it("has one line for TLS where there is none, none where there is, and a certificate that has expired", async () => {
    const workshop = createCertWorkshop();
    harness.onClose(() => workshop.remove());
    const { certPath: tlsCert, keyPath: tlsKey } = workshop.ca("Test CA").issueExpired("localhost");
    const secure = await serve({ tlsCert, tlsKey });
    const plain = await serve();
    const lines = {
      "TLS to a plain port": [plain.replace("grpc:", "grpcs:"), /^POST grpcs:.*ModelMetadata: (tls|connect_failed): /],
      "plain to a port of TLS": [secure, /^POST grpc:.*ModelMetadata: (reset|connect_failed): /],
      "an expired certificate": [secure.replace("grpc:", "grpcs:"), /^POST grpcs:.*ModelMetadata: tls: /],
    } as const;
    for (const [what, [url, line]] of Object.entries(lines)) {
      const { failure = "" } = await check(url, "vllm_model", streaming);
      expect(failure, what).to.match(line);
      expect(failure, what).to.not.contain("\n");
    }
  });
});
