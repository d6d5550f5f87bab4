import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { bodyOptionsOf, formatTurn } from "../../../services/common/turn-body.ts";

const raw = (text: string) => create(TurnSchema, { rawBody: Buffer.from(text), maxOutputTokens: 99, model: "of the row" });
const endpoint = { streaming: true, extraInputs: { seed: 1, model: "other" }, forceOutputLength: "vllm" };
const options = bodyOptionsOf(create(RunSpecSchema, { models: ["run"], endpoint }));

describe("a turn that brings its body", () => {
  it("is sent as it is, and the record has what it says", () => {
    const text = '{ "model": "m", "messages": [{"role":"user","content":"hi"}], "max_tokens": 5, "seed": 12345678901234567890 }';
    const made = formatTurn(raw(text), [{ role: "user", content: "before" }], undefined, options);
    expect(Buffer.from(made.body).toString()).to.equal(text);
    expect(made).to.deep.include({
      model: "m",
      requestedOutputTokens: 5,
      isStreaming: false,
      messages: [{ role: "user", content: "hi" }],
    });
  });

  it("is of the run's model and stream where it says nothing of them", () => {
    expect(formatTurn(raw('{"inputs":[]}'), [], undefined, options)).to.include({
      model: "run",
      requestedOutputTokens: undefined,
      isStreaming: true,
    });
  });

  for (const [given, sent] of [
    ['{"prompt":"a","max_tokens":9}', '{"prompt":"a","max_tokens":1}'],
    ['{"messages":[],"max_completion_tokens":9}', '{"messages":[],"max_completion_tokens":1}'],
    ['{"input":"a","max_output_tokens":9}', '{"input":"a","max_output_tokens":1}'],
    ['{"prompt":"a"}', '{"prompt":"a","max_tokens":1}'],
    ["no JSON", "no JSON"],
  ] as const) {
    it(`has another length where the credit asks for one: ${given}`, () => {
      const { body, requestedOutputTokens } = formatTurn(raw(given), [], 1, options);
      expect([Buffer.from(body).toString(), requestedOutputTokens]).to.deep.equal([sent, 1]);
    });
  }

  it("says that it is no stream where extra inputs switch the stream off", () => {
    const turn = create(TurnSchema, { messages: [{ role: "user", content: "a" }] });
    expect(formatTurn(turn, [], undefined, options).isStreaming).to.equal(true);
    expect(formatTurn(turn, [], undefined, { ...options, extraInputs: { stream: false } }).isStreaming).to.equal(false);
  });
});

describe("the length that a record says was asked for", () => {
  const turn = create(TurnSchema, { messages: [{ role: "user", content: "a" }], maxOutputTokens: 9 });
  const unbounded = create(TurnSchema, { messages: [{ role: "user", content: "a" }] });
  const rows = [
    ["the turn's", "chat", turn, {}, 9],
    ["none", "chat", unbounded, {}, undefined],
    ["that of extra inputs", "chat", unbounded, { max_tokens: 5 }, 5],
    ["that of extra inputs, which overrules the turn's", "chat", turn, { max_completion_tokens: 5 }, 5],
    ["the turn's, whose field servers take before the older one", "chat", turn, { max_tokens: 5 }, 9],
    ["that of extra inputs in completions", "completions", turn, { max_tokens: 5 }, 5],
    ["that of extra inputs in the Responses API", "responses", turn, { max_output_tokens: 5 }, 5],
    ["the turn's where extra inputs say no length", "chat", turn, { max_tokens: "many" }, 9],
    ["none where answers are no texts", "embeddings", turn, { max_tokens: 5 }, undefined],
  ] as const;
  for (const [title, type, asked, extraInputs, expected] of rows) {
    it(`is ${title}`, () => {
      const made = bodyOptionsOf(create(RunSpecSchema, { models: ["m"], endpoint: { type, extraInputs } }));
      expect(formatTurn(asked, [], undefined, made).requestedOutputTokens).to.equal(expected);
    });
  }
});
