import { expect } from "chai";
import { createKserveGenerateEndpoint } from "../../../../endpoints/kserve/generate.ts";
import { createKserveInferEndpoint } from "../../../../endpoints/kserve/infer.ts";
import { responseOf, sse } from "../openai/answers.ts";
import { bodyOf, bodyText } from "../turns.ts";
import { json, staysUnbroken } from "../unbroken.ts";

const generate = createKserveGenerateEndpoint();
const infer = createKserveInferEndpoint();

const event = (text: string, rest: Record<string, unknown> = {}) => ({
  model_name: "llama",
  model_version: "1",
  text_output: text,
  ...rest,
});
const stream = sse(event("Kö"), event("ln"), event(" 🚂"));

describe("kserve_generate: the body of a request", () => {
  it("has the prompt, the length and whether it wants a stream; the model is in the path", () => {
    expect(bodyText(generate, { maxOutputTokens: 16, isStreaming: true, extraInputs: { temperature: 0 } })).to.equal(
      '{"text_input":"grüß dich 🚂","stream":true,"max_tokens":16,"temperature":0}',
    );
    expect([generate.path, generate.streamPath]).to.deep.equal([
      "/v2/models/{model}/generate",
      "/v2/models/{model}/generate_stream",
    ]);
  });
});

describe("kserve_generate: an answer", () => {
  const parse = (text: string, changes = {}) => generate.parse(responseOf([{ text, ms: 1 }], changes));

  it("is complete where its body is, as no event says that it is the last", () => {
    expect(parse(stream)).to.deep.include({ outputText: "Köln 🚂", error: undefined, finishReason: undefined });
    expect(parse(stream.slice(0, -20)).error?.code).to.equal("truncated");
    expect(parse("").error?.code).to.equal("truncated");
    expect(parse(`${sse(event("a"))}: ping`).error).to.equal(undefined);
  });

  it("adds up the counts of vLLM's backend, and takes its reason", () => {
    const counted = (text: string, reason: string) =>
      event(text, { finish_reason: reason, num_input_tokens: 9, num_output_tokens: 2 });
    const { usage, finishReason } = parse(sse(counted("a", "None"), counted("b", "length")));
    expect([usage?.promptTokens, usage?.completionTokens, finishReason]).to.deep.equal([9, 4, "length"]);
  });

  it("has every piece of a stream, alike or not", () => {
    expect(parse(sse(event("ha"), event("ha"), event("ha!"))).outputText).to.equal("hahaha!");
    expect(parse(sse(event("\n"), event("\n"))).contentNs).to.have.lengthOf(2);
  });

  it("of TensorRT-LLM with accumulated tokens is what each event adds", () => {
    expect(parse(sse(event("Kö"), event("Köln"), event("Köln!"))).outputText).to.equal("Köln!");
  });

  it("that reports an error under status 200 is none", () => {
    const { error } = parse(sse(event("a"), { error: "in ensemble 'ensemble', [request id: 1] boom" }));
    expect(error).to.deep.include({ code: "in_band_error", message: "in ensemble 'ensemble', [request id: 1] boom" });
  });

  it("is read of one document, whose text may be a list", () => {
    expect(parse(JSON.stringify(event("Köln")), json).outputText).to.equal("Köln");
    expect(parse('{"text_output":["a","b"]}', json).outputText).to.equal("a");
  });

  staysUnbroken(generate, [
    { title: "a stream", text: stream, isEndUnmarked: true },
    { title: "a document", text: JSON.stringify(event("Köln")), changes: json },
  ]);
});

const tensors = {
  model_name: "ensemble",
  model_version: "1",
  outputs: [
    { name: "cum_log_probs", datatype: "FP32", shape: [1, 1], data: [-0.5] },
    { name: "text_output", datatype: "BYTES", shape: [1, 1], data: ["Köln"] },
    { name: "num_output_tokens", datatype: "INT32", shape: [1, 1], data: [3] },
  ],
};

describe("kserve_infer", () => {
  it("writes the prompt, the length and each extra input as a tensor of one batch entry", () => {
    const extraInputs = { temperature: 0.5, stop_words: ["a", "b"], flag: true, seed: 7, parameters: { priority: 1 } };
    expect(bodyOf(infer, { maxOutputTokens: 16, extraInputs })).to.deep.equal({
      inputs: [
        { name: "text_input", shape: [1, 1], datatype: "BYTES", data: ["grüß dich 🚂"] },
        { name: "max_tokens", shape: [1, 1], datatype: "INT32", data: [16] },
        { name: "temperature", shape: [1, 1], datatype: "FP32", data: [0.5] },
        { name: "stop_words", shape: [1, 2], datatype: "BYTES", data: ["a", "b"] },
        { name: "flag", shape: [1, 1], datatype: "BOOL", data: [true] },
        { name: "seed", shape: [1, 1], datatype: "INT32", data: [7] },
      ],
      parameters: { priority: 1 },
    });
  });

  it("lets extra inputs replace all tensors", () => {
    expect(bodyOf(infer, { extraInputs: { inputs: [], outputs: [{ name: "x" }] } })).to.deep.equal({
      inputs: [],
      outputs: [{ name: "x" }],
    });
  });

  it("reads the text and the counts among the tensors", () => {
    const parse = (document: unknown) => infer.parse(responseOf([{ text: JSON.stringify(document), ms: 1 }], json));
    expect(parse(tensors)).to.deep.include({ outputText: "Köln", error: undefined });
    expect(parse(tensors).usage?.completionTokens).to.equal(3);
    expect(parse({ outputs: [{ name: "out", datatype: "BYTES", data: [["a"], ["b"]] }] }).outputText).to.equal("ab");
    expect(parse({ outputs: [{ name: "out", datatype: "FP32", data: [1] }] }).error?.code).to.equal("empty");
    expect(parse({ error: "[request id: <id_unknown>] Request for unknown model" }).error?.code).to.equal("in_band_error");
  });

  staysUnbroken(infer, [{ title: "a document", text: JSON.stringify(tensors), changes: json }]);
});
