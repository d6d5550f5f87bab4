/** The mock's gRPC port: what models answer, and what is said of requests that do not fit them. */
import { once } from "node:events";
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { expect } from "chai";
import { decodeElements, textsOf } from "../../../endpoints/kserve/tensor/elements.ts";
import { ModelInferRequestSchema } from "../../../gen/inference/inference_service_pb.js";
import { DataType } from "../../../gen/inference/model_pb.js";
import { frame, MessageReader } from "../../../mock/grpc/message-reader.ts";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import {
  type Given,
  InferenceClient,
  type InferInit,
  inferRequest,
  isFinal,
  rawOf,
  textOf,
  wantsEmptyFinal,
} from "../../support/kserve-client.ts";

import { add, expectRefused, type Refusal, refusals, trtllm, vllm } from "../../support/kserve-requests.ts";

let mock: Mock;
let client: InferenceClient;

const start = async (options: Partial<MockOptions> = {}): Promise<void> => {
  mock = await createMock({ grpcPort: 0, ...options });
  client = new InferenceClient(mock.grpcAddress ?? expect.fail("there is no gRPC port"));
};

function framedRequest(request: InferInit): Buffer {
  const message = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request));
  const { bytes, at } = frame(message.length);
  bytes.set(message, at);
  return bytes;
}

/** What the page says of a model's requests that wait. */
async function pendingOf(model: string): Promise<string | undefined> {
  const page = await (await fetch(mock.tritonMetricsUrl)).text();
  return new RegExp(`^nv_inference_pending_request_count\\{model="${model}",version="1"\\} (\\d+)$`, "m").exec(page)?.[1];
}

const headersOf = (method: string) => ({
  ":method": "POST",
  ":path": `/inference.GRPCInferenceService/${method}`,
  "content-type": "application/grpc",
});

describe("the mock's gRPC port", () => {
  afterEach(async () => {
    client.close();
    await mock.stop();
  });

  it("is not there unless it is asked for", async () => {
    await start();
    const other = await createMock();
    expect(other.grpcAddress).to.equal(null);
    await other.stop();
  });

  it("says what it is, and that it and its models are ready", async () => {
    await start();
    expect(await client.call("serverLive", {})).to.include({ live: true });
    expect(await client.call("serverReady", {})).to.include({ ready: true });
    expect((await client.call("serverMetadata", {})).extensions).to.include("statistics");
    expect(await client.call("modelReady", { name: "vllm_model" })).to.include({ ready: true });
    expect(await client.call("modelReady", { name: "nobody" })).to.include({ ready: false });
    const { models } = await client.call("repositoryIndex", {});
    expect(models.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)).to.deep.equal([
      "add_sub READY",
      "ensemble READY",
      "ensemble_unary READY",
      "identity READY",
      "identity_bytes READY",
      "vllm_model READY",
    ]);
  });

  it("describes its models with and without the batch dimension", async () => {
    await start({ grpcModels: ["a:trtllm", "b:identity-int64"] });
    const { inputs, platform } = await client.call("modelMetadata", { name: "a" });
    const named = new Map(inputs.map((input: { name: string }) => [input.name, input]));
    expect(platform).to.equal("ensemble");
    expect(named.get("max_tokens")).to.deep.include({ datatype: "INT32", shape: [-1n, 1n] });
    const { config } = await client.call("modelConfig", { name: "a" });
    expect(config.maxBatchSize).to.equal(64);
    expect(config.modelTransactionPolicy).to.include({ decoupled: true });
    const ofName = (name: string) => config.input.find((input: { name: string }) => input.name === name);
    expect(ofName("text_input")).to.deep.include({ dataType: DataType.TYPE_STRING, dims: [1n], optional: false });
    expect(ofName("temperature")).to.deep.include({ dataType: DataType.TYPE_FP32, optional: true });
    const other = await client.call("modelConfig", { name: "b" });
    expect(other.config).to.deep.include({ maxBatchSize: 0, backend: "identity" });
    expect(other.config.modelTransactionPolicy).to.equal(undefined);
    expect(other.config.output[0]).to.deep.include({ name: "OUTPUT0", dataType: DataType.TYPE_INT64, dims: [-1n] });
  });

  it("adds and subtracts, raw and typed contents alike, in batches", async () => {
    await start();
    const raw = await client.infer(add({}, [2, 4]));
    expect(raw).to.include({ modelName: "add_sub", modelVersion: "1", id: "r" });
    expect(raw.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).to.deep.equal([
      ["OUTPUT0", "FP32", [2n, 4n]],
      ["OUTPUT1", "FP32", [2n, 4n]],
    ]);
    expect(decodeElements("FP32", rawOf(raw, "OUTPUT0")!)).to.deep.equal([0, 2, 4, 6, 8, 10, 12, 14]);
    expect(decodeElements("FP32", rawOf(raw, "OUTPUT1")!)).to.deep.equal(Array(8).fill(0));
    const input = (name: string) => ({ name, datatype: "FP32", shape: [1n, 4n], contents: { fp32Contents: [1, 2, 3, 4] } });
    const typed = await client.infer({ modelName: "add_sub", inputs: [input("INPUT0"), input("INPUT1")] });
    expect(decodeElements("FP32", rawOf(typed, "OUTPUT0")!)).to.deep.equal([2, 4, 6, 8]);
    const one = await client.infer(add({ outputs: [{ name: "OUTPUT1" }] }));
    expect(one.outputs.map(({ name }) => name)).to.deep.equal(["OUTPUT1"]);
    expect(one.rawOutputContents).to.have.length(1);
  });

  it("gives back what it gets, large and empty tensors too", async () => {
    await start();
    const words = Array.from({ length: 3000 }, (_, i) => "word".repeat(i % 50));
    const large = await client.infer(inferRequest("identity_bytes", [["INPUT0", "BYTES", [3000], words]]));
    expect(textsOf(rawOf(large, "OUTPUT0")!)).to.deep.equal(words);
    const empty = await client.infer(inferRequest("identity_bytes", [["INPUT0", "BYTES", [0], []]]));
    expect(empty.outputs.map(({ shape }) => shape)).to.deep.equal([[0n]]);
    expect(empty.rawOutputContents).to.deep.equal([new Uint8Array()]);
    const numbers = await client.infer(inferRequest("identity", [["INPUT0", "FP32", [200_000], Array(200_000).fill(1.5)]]));
    expect(rawOf(numbers, "OUTPUT0")).to.have.length(800_000);
  });

  it("streams as vLLM's backend does: the last response says that it is the last", async () => {
    await start({ tokensPerChunk: 2 });
    const counts: Given[] = ["return_num_output_tokens", "return_num_input_tokens", "return_finish_reason"].map((name) => [
      name,
      "BOOL",
      [1],
      [true],
    ]);
    const { code, received } = await client.streamed([vllm("5", true, { parameters: wantsEmptyFinal }, counts)]);
    expect(code).to.equal(status.OK);
    expect(received.map(isFinal)).to.deep.equal([false, false, true]);
    const responses = received.map(({ inferResponse }) => inferResponse!);
    expect(responses.map(({ id, modelName, modelVersion }) => `${id} ${modelName} ${modelVersion}`)).to.deep.equal(
      Array(3).fill("r vllm_model 1"),
    );
    const whole = await client.streamed([vllm(5, false, {}, [["exclude_input_in_output", "BOOL", [1], [true]]])]);
    expect(whole.received.map(isFinal)).to.deep.equal([true]);
    expect(responses.map(textOf).join("")).to.equal(textOf(whole.received[0]?.inferResponse));
    expect(textOf(whole.received[0]?.inferResponse)?.trim().split(" ")).to.have.length(5);
    const echoed = await client.streamed([vllm(1, false)]);
    expect(textOf(echoed.received[0]?.inferResponse)).to.match(/^Hello there \w+$/);
    const numbersOf = (name: string) => responses.map((response) => decodeElements("UINT32", rawOf(response, name)!)[0]);
    expect(numbersOf("num_output_tokens")).to.deep.equal([2, 2, 1]);
    expect(numbersOf("num_input_tokens")).to.deep.equal([3, 3, 3]);
    const reasons = responses.map((response) =>
      String(Buffer.from(decodeElements("BYTES", rawOf(response, "finish_reason")!)[0] as Uint8Array)),
    );
    expect(reasons).to.deep.equal(["None", "None", "length"]);
  });

  it("ends an ensemble's stream with a response without outputs, for those who ask for it", async () => {
    await start();
    const asked = await client.streamed([trtllm("ensemble", 3, true, { parameters: wantsEmptyFinal })]);
    expect(asked.received.map(isFinal)).to.deep.equal([false, false, false, true]);
    const [last] = asked.received.slice(-1);
    expect(last?.inferResponse).to.deep.include({ id: "r", modelName: "ensemble", modelVersion: "", outputs: [] });
    expect(last?.errorMessage).to.equal("");
    const shapes = asked.received[0]?.inferResponse?.outputs.map(({ name, shape }) => `${name} ${shape}`);
    expect(shapes).to.deep.equal(["text_output 1,1", "batch_index 1,1", "sequence_index 1,1"]);
    const notAsked = await client.streamed([trtllm("ensemble", 3, true)]);
    expect(notAsked.received.map(isFinal)).to.deep.equal([false, false, false]);
    expect(notAsked.code).to.equal(status.OK);
  });

  it("answers an ensemble's request whole by ModelInfer where it is deployed so, with its times", async () => {
    await start({ ttftMs: 2 });
    const inputs: Given[] = ["return_perf_metrics", "exclude_input_in_output"].map((name) => [name, "BOOL", [1, 1], [true]]);
    const answer = await client.infer(trtllm("ensemble_unary", 4, false, {}, inputs));
    expect(textOf(answer)?.trim().split(" ")).to.have.length(4);
    const times = ["arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns", "last_token_time_ns"].map((name) =>
      Number(decodeElements("INT64", rawOf(answer, name)!)[0]),
    );
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
    expect(times[2]! - times[1]!).to.be.at.least(2e6);
    expect(textOf(await client.infer(trtllm("ensemble_unary", 1, false)))).to.match(/^Hello there \w+$/);
    const stream = await client.infer(trtllm("ensemble_unary", 4, true));
    expect(stream).to.include({ code: status.INTERNAL });
    expect(stream.details).to.contain("decoupled mode");
  });

  it("answers every request of a batch", async () => {
    await start();
    const batch = inferRequest("ensemble_unary", [
      ["text_input", "BYTES", [3, 1], ["a", "b", "c"]],
      ["max_tokens", "INT32", [3, 1], [2, 2, 2]],
    ]);
    const answer = await client.infer(batch);
    expect(answer.outputs[0]?.shape).to.deep.equal([3n, 1n]);
    const texts = textOf(answer)?.split("|") ?? [];
    for (const [i, text] of texts.entries()) expect(text).to.match(new RegExp(`^${"abc"[i]} \\w+ \\w+$`));
    expect(texts).to.have.length(3);
    const { modelStats } = await client.call("modelStatistics", { name: "ensemble_unary" });
    expect(modelStats[0]).to.include({ inferenceCount: 3n, executionCount: 1n });
    expect(modelStats[0].batchStats.map(({ batchSize }: { batchSize: bigint }) => batchSize)).to.deep.equal([3n]);
  });

  const wrongShape: Refusal = [
    "a wrong shape without a batch dimension",
    inferRequest("identity", [["INPUT0", "FP32", [1, 1], [1]]], { id: "r" }),
    3,
    "[request id: r] unexpected shape for input 'INPUT0' for model 'identity'. Expected [-1], got [1,1]. ",
  ];
  for (const refusal of [...refusals, wrongShape]) {
    it(`refuses ${refusal[0]} as Triton does`, async () => {
      await start();
      await expectRefused(client, refusal);
    });
  }

  it("has a text that ends early found by the model", async () => {
    await start();
    const rawInputContents = [Uint8Array.of(3, 0, 0, 0, 1)];
    const early = inferRequest("identity_bytes", [["INPUT0", "BYTES", [1], []]], { id: "r", rawInputContents });
    const details =
      "incomplete string data for inference input 'INPUT0', expecting string of length 3 but only 1 bytes available";
    expect(await client.infer(early)).to.deep.equal({ code: status.INVALID_ARGUMENT, details });
    const { received } = await client.streamed([early]);
    expect(received.map(isFinal)).to.deep.equal([true]);
    expect(received[0]).to.deep.include({ errorMessage: details });
    expect(received[0]?.inferResponse).to.deep.include({ id: "r", modelName: "identity_bytes" });
    const { modelStats } = await client.call("modelStatistics", { name: "identity_bytes" });
    expect(modelStats[0].inferenceStats.fail.count).to.equal(2n);
  });

  it("says what is wrong with statistics that are asked for", async () => {
    await start();
    expect(await client.call("modelStatistics", { name: "nope" })).to.deep.equal({
      code: status.INVALID_ARGUMENT,
      details: "requested model 'nope' is not available",
    });
    expect((await client.call("modelStatistics", {})).modelStats).to.have.length(6);
  });

  it("says a model's own error as its last word, and ends the call with it where that is asked for", async () => {
    await start();
    const wrong = vllm(0, true);
    const message = "Error generating stream: max_tokens must be an integer from 1 to 1000000, got 0";
    const { code, received } = await client.streamed([wrong, vllm(1, true, { id: "after" })]);
    expect(code).to.equal(status.OK);
    expect(received[0]).to.deep.include({ errorMessage: message });
    expect(received.map(isFinal)).to.deep.equal([true, true]);
    expect(received[1]?.inferResponse?.id).to.equal("after");
    const strict = await client.streamed([wrong], { triton_grpc_error: "true" });
    expect(strict).to.deep.equal({ code: status.INTERNAL, details: message, received: [] });
    const both = await client.streamed([vllm(1, true, {}, [["exclude_input_in_output", "BOOL", [1], [false]]])]);
    expect(both.received[0]?.errorMessage).to.contain("`exclude_input_in_output` = False is not allowed");
  });

  it("answers requests of one stream at once, told apart by id", async () => {
    await start({ itlMs: 3_600_000 });
    const ids = ["a", "b", "c", "d"];
    const stream = client.stream();
    for (const id of ids) stream.send(trtllm("ensemble", 4, true, { id }));
    const received = await stream.until(4);
    expect(received.map(({ inferResponse }) => inferResponse?.id).sort()).to.deep.equal(ids);
    expect(mock.stats()).to.include({ requests: 4, openStreams: 4, chunksWritten: 4 });
    stream.cancel();
    await stream.ended;
  });

  it("answers after the half-close what it has taken, then ends the stream", async () => {
    await start({ ttftMs: 5, itlMs: 2 });
    const ids = ["a", "b", "c", "d"];
    const { code, received } = await client.streamed(
      ids.map((id) => trtllm("ensemble", 4, true, { id, parameters: wantsEmptyFinal })),
    );
    expect(code).to.equal(status.OK);
    for (const id of ids) {
      const own = received.filter(({ inferResponse }) => inferResponse?.id === id);
      expect(own.map(isFinal), id).to.deep.equal([false, false, false, false, true]);
    }
    expect(mock.stats()).to.include({ requests: 4, completed: 4, openStreams: 0, chunksWritten: 16 });
  });

  it("ends a stream that is still open on the client's side, and gives up what else is under way in it", async () => {
    await start({ itlMs: 3_600_000 });
    const stream = client.stream({ triton_grpc_error: "true" });
    stream.send(vllm(5, true, { id: "open" }));
    await stream.until(1);
    stream.send(vllm(0, true, { id: "wrong" }));
    const { code, received } = await stream.ended;
    expect(code).to.equal(status.INTERNAL);
    expect(received).to.have.length(1);
    while (mock.stats().openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(mock.stats()).to.include({ aborted: 1 });
  });

  for (const coalesce of [false, true]) {
    it(`writes no more to a client that does not read, and goes on when it does${coalesce ? ": --coalesce" : ""}`, () =>
      expectPatience(coalesce));
  }

  async function expectPatience(coalesce: boolean): Promise<void> {
    await start({ coalesce });
    const tokens = 30_000;
    const session = connect(`http://${mock.grpcAddress}`);
    const call = session.request(headersOf("ModelStreamInfer"));
    call.end(framedRequest(vllm(tokens, true)));
    await once(call, "response");
    let before = -1;
    while (mock.stats().chunksWritten !== before) {
      before = mock.stats().chunksWritten;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(before).to.be.within(1, tokens - 1);
    const reader = new MessageReader(1000);
    let messages = 0;
    call.on("data", (part: Buffer) => {
      messages += (reader.feed(part) as Buffer[]).length;
    });
    await once(call, "end");
    expect(messages).to.equal(tokens);
    session.close();
  }

  it("holds more calls of one connection at once than HTTP/2 takes by itself", async () => {
    await start({ maxConcurrent: 1, ttftMs: 3_600_000 });
    const session = connect(`http://${mock.grpcAddress}`, { maxSessionMemory: 1000 });
    session.on("error", () => {});
    const bytes = framedRequest(trtllm("ensemble_unary", 1, false));
    for (let i = 0; i < 12_000; i++) {
      const call = session.request(headersOf("ModelInfer"));
      call.on("error", () => {});
      call.end(bytes);
    }
    while (mock.stats().requests < 12_000 && !session.destroyed) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(mock.stats()).to.include({ requests: 12_000, openStreams: 1, waiting: 11_999 });
    session.destroy();
    while (mock.stats().aborted < 12_000) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(mock.stats()).to.include({ openStreams: 0, waiting: 0 });
  });

  it("outlives values of any form", async () => {
    await start();
    for (const asked of ['{"toString":1}', "[[]]", '"x"', "1e400", "null"]) {
      const sampling: Given = ["sampling_parameters", "BYTES", [1], [`{"max_tokens":${asked}}`]];
      const { code, received } = await client.streamed([
        inferRequest("vllm_model", [["text_input", "BYTES", [1], ["Hi"]], sampling]),
      ]);
      expect(code, asked).to.equal(status.OK);
      expect(received.map(isFinal), asked).to.deep.equal([true]);
      expect(received[0]?.errorMessage === "", asked).to.equal(asked === "null");
    }
    const emptyBatch = (tokens: number) =>
      inferRequest("ensemble_unary", [
        ["text_input", "BYTES", [0, 1], ["Hi"]],
        ["max_tokens", "INT32", [0, 1], [tokens]],
      ]);
    expect(await client.infer(emptyBatch(2 ** 31 - 1))).to.include({ code: status.INTERNAL });
    expect((await client.infer(emptyBatch(1))).outputs[0]?.shape).to.deep.equal([1n, 1n]);
    const named = await client.infer(inferRequest("n".repeat(100_000), []));
    expect(named.code).to.equal(status.NOT_FOUND);
  });

  it("takes nothing after the message that ended its call, and no call that ends inside a message", async () => {
    await start();
    const session = connect(`http://${mock.grpcAddress}`);
    const nonsense = Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]);
    const request = framedRequest(vllm(1, true));
    for (const bytes of [Buffer.concat([nonsense, request]), request.subarray(0, -1), request.subarray(0, 3)]) {
      for (const method of ["ModelInfer", "ModelStreamInfer"]) {
        const call = session.request(headersOf(method));
        const trailers = new Promise((resolve) => call.once("trailers", resolve));
        call.end(bytes);
        call.resume();
        const [headers] = await once(call, "response");
        const ended = (headers["grpc-status"] === undefined ? await trailers : headers) as Record<string, string>;
        expect(ended["grpc-status"], method).to.equal(String(status.INTERNAL));
      }
    }
    expect(mock.stats()).to.include({ requests: 0 });
    session.close();
  });

  it("takes requests as long as the stream is open, and ends one without any", async () => {
    await start();
    const stream = client.stream();
    stream.send(vllm(1, true, { id: "first" }));
    await stream.until(1);
    stream.send(vllm(1, true, { id: "second" }));
    const received = await stream.until(2);
    expect(received.map(({ inferResponse }) => inferResponse?.id)).to.deep.equal(["first", "second"]);
    stream.halfClose();
    expect(await stream.ended).to.include({ code: status.OK });
    expect(await client.streamed([])).to.deep.equal({ code: status.OK, details: "", received: [] });
  });

  it("gives up the answers of a client that is gone", async () => {
    await start({ ttftMs: 1, itlMs: 3_600_000, maxConcurrent: 2 });
    const stream = client.stream();
    for (const id of ["a", "b", "waiting"]) stream.send(vllm(5, true, { id }));
    await stream.until(2);
    expect(mock.stats()).to.include({ openStreams: 2, waiting: 1 });
    expect(await pendingOf("vllm_model")).to.equal("1");
    stream.cancel();
    await stream.ended;
    while (mock.stats().aborted < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(await pendingOf("vllm_model")).to.equal("0");
    expect(mock.stats()).to.include({ requests: 3, aborted: 3, openStreams: 0, waiting: 0, completed: 0, prefilling: 0 });
    const { modelStats } = await client.call("modelStatistics", { name: "vllm_model" });
    expect(modelStats[0]).to.include({ inferenceCount: 0n });
    expect(modelStats[0].responseStats["1"].cancel.count).to.equal(2n);
  });

  it("shares limit, lengths and counts with HTTP", async () => {
    await start({ osl: 7, models: ["small"] });
    const own = inferRequest("vllm_model", [["text_input", "BYTES", [1], ["Hi"]]], {
      parameters: { max_tokens: { parameterChoice: { case: "int64Param", value: 2n } } },
    });
    const short = await client.streamed([own]);
    expect(textOf(short.received[0]?.inferResponse)?.split(" ").slice(1)).to.have.length(2);
    const long = await client.streamed([{ ...own, parameters: {} }]);
    expect(textOf(long.received[0]?.inferResponse)?.split(" ").slice(1)).to.have.length(7);
    await fetch(`${mock.url}/v1/chat/completions`, {
      method: "POST",
      body: '{"model":"small","messages":[{"role":"user","content":"x"}]}',
    });
    expect(mock.stats()).to.include({ requests: 3, completed: 3 });
    const page = await (await fetch(`${mock.url}/metrics`)).text();
    expect(page).to.contain('vllm:request_success_total{engine="0",model_name="small",finished_reason="stop"} 2');
  });

  it("counts what was served: requests, executions, responses one by one, and ends without outputs", async () => {
    await start({ ttftMs: 3 });
    await client.streamed([
      trtllm("ensemble", 2, true, { id: "a", parameters: wantsEmptyFinal }),
      trtllm("ensemble", 3, true, { id: "b" }),
      trtllm("ensemble", 0, true, { id: "wrong" }),
      trtllm("ensemble", 1, true, { id: "misfit", outputs: [{ name: "nothing" }] }),
    ]);
    const { modelStats } = await client.call("modelStatistics", { name: "ensemble" });
    const [{ inferenceStats, responseStats, ...counts }] = modelStats;
    expect(counts).to.include({ name: "ensemble", version: "1", inferenceCount: 2n, executionCount: 2n });
    expect(Number(counts.lastInference)).to.be.closeTo(Date.now(), 60_000);
    expect(inferenceStats.success.count).to.equal(2n);
    expect(inferenceStats.fail.count).to.equal(1n);
    const countsOf = (index: string) => {
      const { success, emptyResponse } = responseStats[index];
      return [success.count, emptyResponse.count];
    };
    expect(["0", "1", "2", "3"].map(countsOf)).to.deep.equal([
      [2n, 0n],
      [2n, 0n],
      [1n, 1n],
      [0n, 1n],
    ]);
    expect(Number(responseStats["0"].computeInfer.ns) / 2).to.be.at.least(3e6);
    expect(Number(inferenceStats.success.ns)).to.be.at.least(Number(inferenceStats.computeInfer.ns));
  });

  it("shows what was served, failed and given up as Triton's page does, on the main port and on one of its own", async () => {
    await start({ ttftMs: 1, itlMs: 3_600_000, tritonMetricsPort: 0 });
    await client.call("modelInfer", add());
    const stream = client.stream();
    stream.send(vllm(5, true, { id: "a" }));
    await stream.until(1);
    stream.cancel();
    await stream.ended;
    while (mock.stats().aborted < 1) await new Promise((resolve) => setImmediate(resolve));
    const page = await (await fetch(mock.tritonMetricsUrl)).text();
    expect(page).to.match(/^nv_inference_request_success\{model="add_sub",version="1"\} 1$/m);
    expect(page).to.match(/^nv_inference_request_failure\{model="vllm_model",version="1",reason="CANCELED"\} 1$/m);
    expect(await (await fetch(`${mock.url}/triton/metrics`)).text()).to.equal(page);
    expect((await fetch(mock.tritonMetricsUrl.replace("/metrics", "/"))).status).to.equal(404);
  });

  it("counts waiting apart from the answer itself", async () => {
    await start({ ttftMs: 3, maxConcurrent: 1 });
    await client.streamed(["a", "b"].map((id) => trtllm("ensemble", 1, true, { id })));
    const { modelStats } = await client.call("modelStatistics", { name: "ensemble" });
    expect(await pendingOf("ensemble")).to.equal("0");
    const { success, queue, computeInfer } = modelStats[0].inferenceStats;
    expect([success.count, queue.count, computeInfer.count]).to.deep.equal([2n, 2n, 2n]);
    expect(queue.ns > 0n).to.equal(true);
    expect(Math.abs(Number(success.ns - queue.ns - computeInfer.ns))).to.be.below(10);
  });

  it("stamps responses when they are sent, and says when the request had come", async () => {
    await start({ stamps: true, ttftMs: 4 });
    const before = process.hrtime.bigint();
    const { received } = await client.streamed([vllm(2, true)]);
    const after = process.hrtime.bigint();
    const stampsOf = (name: string) =>
      received.map(({ inferResponse }) => inferResponse?.parameters[name]?.parameterChoice.value as bigint);
    const [came = 0n] = stampsOf("assay_received_ns");
    const [first = 0n, second = 0n] = stampsOf("assay_sent_ns");
    expect(before < came && came < first && first <= second && second < after).to.equal(true);
    expect(first - came >= 4_000_000n).to.equal(true);
    const whole = await client.infer(add());
    expect(whole.parameters).to.have.all.keys("assay_received_ns", "assay_sent_ns");
  });

  it("outlives calls that are reset at any moment", async () => {
    await start({ ttftMs: 1, itlMs: 1 });
    const session = connect(`http://${mock.grpcAddress}`);
    const bytes = framedRequest(vllm(20, true));
    const closed = Array.from({ length: 60 }, (_, i) => {
      const call = session.request(headersOf(i % 3 === 0 ? "ModelInfer" : "ModelStreamInfer"));
      call.on("error", () => {});
      call.write(i % 2 === 0 ? bytes : bytes.subarray(0, i));
      setTimeout(() => call.close(8), i % 15);
      return once(call, "close");
    });
    await Promise.all(closed);
    while (mock.stats().openStreams > 0) await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    expect(await client.call("serverLive", {})).to.include({ live: true });
  });

  it("has none of what it does not know, and no other protocol", async () => {
    await start({ maxBodyBytes: 2000 });
    const { code } = await client.call("serverLive", {}, "/inference.GRPCInferenceService/RepositoryModelLoad");
    expect(code).to.equal(status.UNIMPLEMENTED);
    const large = await client.infer(inferRequest("identity", [["INPUT0", "FP32", [1000], Array(1000).fill(0)]]));
    expect(large.code).to.equal(status.RESOURCE_EXHAUSTED);
    const session = connect(`http://${mock.grpcAddress}`);
    const page = session.request({ ":path": "/" });
    const [headers] = await once(page, "response");
    expect(headers[":status"]).to.equal(415);
    const nonsense = session.request(headersOf("ModelInfer"));
    nonsense.end(Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]));
    const [answer] = await once(nonsense, "response");
    expect(answer["grpc-status"]).to.equal(String(status.INTERNAL));
    session.close();
  });
});
