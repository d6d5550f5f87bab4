/** What a target says that it served, read at the borders of phases, from the built-in server. */
import { expect } from "chai";
import type { AskTarget } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock } from "../../../mock/server.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import type { ServedModelInit } from "../../../services/controller/core/served-models.ts";
import { ServedWatch } from "../../../services/controller/served-watch.ts";
import { askTarget } from "../../../services/worker/ask-target.ts";
import { InferenceClient } from "../../support/kserve-client.ts";
import { add } from "../../support/kserve-requests.ts";
import { Harness } from "../rpc/harness.ts";
import { phaseOf, type SpecInit, specOf } from "./suite.ts";

describe("what a server says that it served", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function serve(options: Partial<MockOptions> = {}) {
    const mock = await createMock({ grpcPort: 0, ...options });
    harness.onClose(() => mock.stop());
    const client = new InferenceClient(String(mock.grpcAddress));
    harness.onClose(async () => client.close());
    return { url: `grpc://${mock.grpcAddress}`, client };
  }

  /** `path`: what is asked in the place of the statistics. */
  function watch(url: string, change: SpecInit = {}, target: SpecInit["target"] = {}, path?: string) {
    const served: ServedModelInit[] = [];
    const notes: string[] = [];
    let asked = 0;
    const given = specOf({
      models: ["add_sub"],
      target: { urls: [{ url }], ...target },
      endpoint: { type: "triton_generate", streaming: true },
      phases: ["first", "second", "third"].map((name) => phaseOf(name)),
      ...change,
    });
    const watched = new ServedWatch({
      spec: compileRunSpec(given, () => 1n).spec,
      ask: (question: AskTarget) => {
        asked++;
        const { question: call } = question;
        if (path !== undefined && call.case === "call") call.value.path = path;
        return askTarget(question, "w1", new AbortController().signal);
      },
      served: (models) => served.push(...models),
      note: (message) => notes.push(message),
    });
    return { watched, served, notes, asked: () => asked };
  }

  it("is told of each phase by itself, whatever came before", async () => {
    const { url, client } = await serve();
    await client.infer(add());
    const { watched, served, notes } = watch(url);
    for (const [phase, requests] of [2, 0, 3].entries()) {
      await watched.begins(phase);
      for (let request = 0; request < requests; request++) await client.infer(add());
      watched.ends(phase);
    }
    await watched.drained();
    expect(served.map(({ phase, server, model, success }) => ({ phase, server, model, count: success?.count }))).to.deep.equal([
      { phase: 0, server: url, model: "add_sub", count: 2n },
      { phase: 2, server: url, model: "add_sub", count: 3n },
    ]);
    expect(notes).to.deep.equal([]);
  });

  it("has what a request of a model that is none of the run's was", async () => {
    const { url, client } = await serve();
    const { watched, served } = watch(url, { models: ["vllm_model"] });
    await watched.begins(0);
    await client.infer(add({}, [4, 4]));
    watched.ends(0);
    await watched.drained();
    expect(served[0]).to.deep.include({ model: "add_sub", inferences: 4n, executions: 1n });
    expect(served[0]?.batches).to.have.lengthOf(1);
  });

  it("is nothing of phases that overlap, and nobody is asked there", async () => {
    const { url } = await serve();
    const seamless = [{ ...phaseOf("first"), isSeamless: true }, phaseOf("second")];
    const { watched, asked } = watch(url, { phases: seamless });
    for (const phase of [0, 1]) {
      await watched.begins(phase);
      watched.ends(phase);
    }
    await watched.drained();
    expect(asked()).to.equal(0);
  });

  it("is nothing, quietly, of a server without statistics, which is asked once", async () => {
    const { url } = await serve();
    const { watched, served, notes, asked } = watch(url, {}, {}, "/inference.GRPCInferenceService/Nothing");
    await watched.begins(0);
    watched.ends(0);
    await watched.drained();
    expect({ served, notes, asked: asked() }).to.deep.equal({ served: [], notes: [], asked: 1 });
  });

  it("is a note where the server cannot be asked, and the run goes on", async () => {
    const { url } = await serve();
    const { watched, served, notes } = watch(url.replace(/:\d+$/, ":1"));
    await watched.begins(0);
    watched.ends(0);
    await watched.drained();
    expect(served).to.deep.equal([]);
    expect(notes).to.have.lengthOf(1);
    expect(notes[0]).to.match(/^grpc:\/\/127\.0\.0\.1:1 does not say what it served: connect/);
  });

  it("is a note where no worker is left that could ask, and the run goes on", async () => {
    const notes: string[] = [];
    const given = specOf({ target: { urls: [{ url: "grpc://127.0.0.1:1" }] }, endpoint: { type: "triton_generate" } });
    const watched = new ServedWatch({
      spec: compileRunSpec(given, () => 1n).spec,
      ask: () => new Promise(() => {}),
      patienceMs: 20,
      served: () => {},
      note: (message) => notes.push(message),
    });
    await watched.begins(0);
    watched.ends(0);
    await watched.drained();
    expect(notes).to.deep.equal(["grpc://127.0.0.1:1 does not say what it served: whoever could ask it did not answer in time"]);
  });

  it("is nothing of runs that ask nothing, and of targets of HTTP", async () => {
    const { url } = await serve();
    for (const { watched, asked } of [
      watch(url, {}, { noProbe: true }),
      watch(url.replace("grpc", "http"), { endpoint: { type: "chat", streaming: true } }),
    ]) {
      await watched.begins(0);
      watched.ends(0);
      await watched.drained();
      expect(asked()).to.equal(0);
    }
  });
});
