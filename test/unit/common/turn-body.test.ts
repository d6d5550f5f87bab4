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
