/** Failures on purpose over gRPC, and models that do not end as they should. */
import { status } from "@grpc/grpc-js";
import { expect } from "chai";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { InferenceClient, type InferInit, inferRequest, isFinal, textOf, wantsEmptyFinal } from "../../support/kserve-client.ts";

let mock: Mock;
let client: InferenceClient;

const start = async (failure: string, options: Partial<MockOptions> = {}): Promise<void> => {
  mock = await createMock({ grpcPort: 0, failures: { [failure]: 1 }, ...options });
  client = new InferenceClient(mock.grpcAddress ?? expect.fail("there is no gRPC port"));
};

const unary = inferRequest("ensemble_unary", [
  ["text_input", "BYTES", [1, 1], ["Hello"]],
  ["max_tokens", "INT32", [1, 1], [6]],
  ["exclude_input_in_output", "BOOL", [1, 1], [true]],
]);

const streamed = (model: "vllm_model" | "ensemble", id = "r"): InferInit =>
  model === "ensemble"
    ? inferRequest(
        model,
        [
          ["text_input", "BYTES", [1, 1], ["Hello"]],
          ["max_tokens", "INT32", [1, 1], [6]],
          ["stream", "BOOL", [1, 1], [true]],
        ],
        { id, parameters: wantsEmptyFinal },
      )
    : inferRequest(
        model,
        [
          ["text_input", "BYTES", [1], ["Hello"]],
          ["stream", "BOOL", [1], [true]],
          ["sampling_parameters", "BYTES", [1], ['{"max_tokens":6}']],
        ],
        { id, parameters: wantsEmptyFinal },
      );

const settled = { requests: 1, openStreams: 0, prefilling: 0, waiting: 0, completed: 0, aborted: 0, failed: 1 };

describe("failures of the mock over gRPC", () => {
  afterEach(async () => {
    client.close();
    await mock.stop();
  });

  const statuses: readonly [number, keyof typeof status][] = [
    [400, "INVALID_ARGUMENT"],
    [401, "UNAUTHENTICATED"],
    [404, "NOT_FOUND"],
    [429, "RESOURCE_EXHAUSTED"],
    [451, "FAILED_PRECONDITION"],
    [500, "INTERNAL"],
    [501, "UNIMPLEMENTED"],
    [503, "UNAVAILABLE"],
    [504, "DEADLINE_EXCEEDED"],
    [599, "UNKNOWN"],
  ];
  for (const [http, name] of statuses) {
    it(`are ${name} for ${http}`, async () => {
      await start(String(http));
      expect(await client.infer(unary)).to.deep.equal({
        code: status[name],
        details: `this failure was asked for: status ${http}`,
      });
      expect(mock.stats()).to.deep.include({ ...settled, failures: { [http]: 1 } });
    });
  }

  it("are messages in a stream, which goes on", async () => {
    await start("503");
    const { code, received } = await client.streamed([streamed("vllm_model", "a"), streamed("ensemble", "b")]);
    expect(code).to.equal(status.OK);
    expect(received.map(({ errorMessage, inferResponse }) => `${inferResponse?.id} ${errorMessage}`)).to.deep.equal([
      "a this failure was asked for: status 503",
      "b this failure was asked for: status 503",
    ]);
    expect(received.map(isFinal)).to.deep.equal([undefined, undefined]);
  });

  for (const kind of ["reset", "not-http", "stall", "reset-midway", "stall-midway", "cut"]) {
    it(`end a unary call without an answer: ${kind}`, async () => {
      await start(kind, { stallMs: 20 });
      const { code } = await client.infer(unary);
      expect(code).to.be.oneOf([status.INTERNAL, status.UNAVAILABLE, status.UNKNOWN, status.CANCELLED]);
      expect(mock.stats()).to.deep.include(settled);
    });
  }

  for (const kind of ["reset-midway", "stall-midway", "cut"]) {
    it(`end a stream after some responses: ${kind}`, async () => {
      await start(kind, { stallMs: 20, itlMs: 2 });
      const { code, received } = await client.streamed([streamed("vllm_model")]);
      expect(code).to.not.equal(status.OK);
      expect(received).to.have.length.within(1, 5);
      expect(received.map(isFinal)).to.not.include(true);
      expect(mock.stats()).to.deep.include(settled);
    });
  }

  it("end a stream with OK in the middle: truncate", async () => {
    await start("truncate");
    const { code, received } = await client.streamed([streamed("vllm_model")]);
    expect(code).to.equal(status.OK);
    expect(received).to.have.length.within(1, 5);
    expect(received.map(isFinal)).to.not.include(true);
    const { code: ofUnary } = await client.infer(unary);
    expect(ofUnary).to.not.equal(status.OK);
  });

  it("are no protobuf among the messages: garbage", async () => {
    await start("garbage");
    expect((await client.streamed([streamed("vllm_model")])).code).to.equal(status.INTERNAL);
    expect((await client.infer(unary)).code).to.equal(status.INTERNAL);
  });

  it("are a model's last word in the middle of its answer: error-event", async () => {
    await start("error-event");
    const { code, received } = await client.streamed([streamed("ensemble")]);
    expect(code).to.equal(status.OK);
    const last = received.at(-1);
    expect(last?.errorMessage).to.equal("this failure was asked for: an error inside an answer");
    expect(last?.inferResponse).to.deep.include({ id: "r", modelName: "ensemble", outputs: [] });
    expect(received.map(isFinal).indexOf(true)).to.equal(received.length - 1);
    expect(received).to.have.length.within(2, 6);
    const unaryEnd = await client.infer(unary);
    expect(unaryEnd).to.deep.equal({ code: status.INTERNAL, details: "this failure was asked for: an error inside an answer" });
    const { modelStats } = await client.call("modelStatistics", { name: "ensemble" });
    expect(modelStats[0].inferenceStats).to.deep.include({ success: modelStats[0].inferenceStats.queue });
    expect(modelStats[0].inferenceStats.fail.count).to.equal(1n);
    expect(modelStats[0].responseStats[received.length - 1].fail.count).to.equal(1n);
  });

  for (const model of ["vllm_model", "ensemble"] as const) {
    it(`are answers that never say that they are over: no-done, ${model}`, async () => {
      await start("no-done");
      const { code, received } = await client.streamed([streamed(model)]);
      expect(code).to.equal(status.OK);
      expect(received.map(isFinal)).to.deep.equal(Array(6).fill(false));
    });

    it(`are answers without a response but the last: no-answer, ${model}`, async () => {
      await start("no-answer");
      const { received } = await client.streamed([streamed(model)]);
      expect(received.map(isFinal)).to.deep.equal([true]);
      expect(received[0]?.inferResponse?.outputs).to.deep.equal([]);
      expect(mock.stats()).to.deep.include(settled);
    });

    it(`are responses after the last: after-final, ${model}`, async () => {
      await start("after-final");
      const { received } = await client.streamed([streamed(model)]);
      const finals = received.map(isFinal);
      expect(finals.filter((final) => final)).to.have.length(2);
      expect(finals.slice(-2)).to.deep.equal([true, true]);
      expect(textOf(received.at(-1)?.inferResponse)).to.be.a("string");
      expect(mock.stats()).to.include({ completed: 1, failed: 0 });
    });
  }

  it("leave whole answers whole where they mean streams alone, or come later: slow", async () => {
    await start("slow", { slowMs: 1 });
    expect(
      textOf(await client.infer(unary))
        ?.trim()
        .split(" "),
    ).to.have.length(6);
    client.close();
    await mock.stop();
    await start("no-answer");
    expect(
      textOf(await client.infer(unary))
        ?.trim()
        .split(" "),
    ).to.have.length(6);
  });

  it("never finish where they stall, until the client goes", async () => {
    await start("stall", { stallMs: 3_600_000 });
    const stream = client.stream();
    stream.send(streamed("vllm_model"));
    while (mock.stats().openStreams === 0) await new Promise((resolve) => setImmediate(resolve));
    stream.cancel();
    await stream.ended;
    while (mock.stats().openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(mock.stats()).to.include({ aborted: 1, failed: 0 });
  });
});
