import { expect } from "chai";
import type { ModelTensors, TensorInfo } from "../../../../endpoints/kserve/model-tensors.ts";
import { createKserveEndpoint, type TextTensors } from "../../../../endpoints/kserve/text-model.ts";
import { responseOf } from "../openai/answers.ts";
import { staysUnbroken } from "../unbroken.ts";
import { requestOf, response, stream, streamed, whole, wholeAnswer } from "./calls.ts";

const tensor = (name: string, datatype: string, shape: readonly number[] = [1], isOptional = false): TensorInfo => ({
  name,
  datatype,
  shape,
  isOptional,
});
const plain: ModelTensors = {
  model: "llama",
  maxBatchSize: 0,
  inputs: [tensor("PROMPT", "BYTES")],
  outputs: [tensor("ANSWER", "BYTES", [-1]), tensor("SCORE", "FP32")],
  hasSequences: false,
};
const rich: ModelTensors = {
  model: "llama",
  maxBatchSize: 4,
  inputs: [
    tensor("PROMPT", "BYTES", [-1]),
    tensor("STOP", "BYTES", [-1], true),
    tensor("LENGTH", "INT32"),
    tensor("SEED", "UINT64", [1], true),
    tensor("stream", "BOOL", [1], true),
  ],
  outputs: [tensor("ANSWER", "BYTES"), tensor("REASON", "BYTES")],
  hasSequences: false,
};
const none: TextTensors = { textInput: "", textOutput: "", lengthInput: "", streamInput: "" };
const names: Partial<TextTensors> = { textOutput: "ANSWER", lengthInput: "LENGTH" };

function endpointOf(model: ModelTensors, named: Partial<TextTensors> = {}, requestParameters = {}) {
  return createKserveEndpoint({ modelTensors: [model], textTensors: { ...none, ...named }, requestParameters });
}

describe("kserve: the message of a request", () => {
  it("has the text in the only tensor that can be it, and asks for the only one that can be the answer", () => {
    expect(requestOf(endpointOf(plain), { maxOutputTokens: 16, extraInputs: { top_k: 3 } })).to.deep.equal({
      model: "llama",
      inputs: { "PROMPT BYTES [1]": ["grüß dich 🚂"] },
      parameters: { max_tokens: 16n, top_k: 3n },
      outputs: ["ANSWER"],
    });
  });

  it("has everything where names say, with a batch dimension of one where the model has one", () => {
    const extraInputs = { SEED: 7, STOP: ["a", "b"], priority: 1 };
    const turn = { maxOutputTokens: 16, isStreaming: true, extraInputs };
    expect(requestOf(endpointOf(rich, names, { timeout: 5 }), turn)).to.deep.equal({
      model: "llama",
      inputs: {
        "PROMPT BYTES [1,1]": ["grüß dich 🚂"],
        "STOP BYTES [1,2]": ["a", "b"],
        "LENGTH INT32 [1,1]": [16],
        "SEED UINT64 [1,1]": [7n],
        "stream BOOL [1,1]": [true],
      },
      parameters: { timeout: 5n, priority: 1n, triton_enable_empty_final_response: true },
      outputs: ["ANSWER"],
    });
  });

  const refused: readonly [what: string, make: () => unknown, message: string][] = [
    [
      "outputs of text of which nobody says which",
      () => requestOf(endpointOf(rich)),
      "which output of model llama is the text is not clear: name it by --text-output-name, it has ANSWER BYTES [1], REASON BYTES [1]",
    ],
    [
      "no input of text",
      () => requestOf(endpointOf({ ...plain, inputs: [tensor("X", "FP32")] })),
      "which input of model llama is the text is not clear: name it by --text-input-name, it has X FP32 [1]",
    ],
    [
      "a name that the model does not have",
      () => requestOf(endpointOf(plain, { textInput: "TEXT" })),
      "model llama has no input TEXT, it has PROMPT BYTES [1]",
    ],
    [
      "a tensor that is no text",
      () => requestOf(endpointOf(plain, { textOutput: "SCORE" })),
      "text is BYTES, and model llama has SCORE FP32 [1]",
    ],
    [
      "no length for a model that needs one",
      () => requestOf(endpointOf(rich, names)),
      "model llama needs LENGTH INT32 [1]: give it by --osl TOKENS",
    ],
    [
      "nothing for another input that is needed",
      () => requestOf(endpointOf({ ...plain, inputs: [...plain.inputs, tensor("SIZE", "INT32")] })),
      "model llama needs SIZE INT32 [1]: give it by --extra-inputs SIZE:VALUE",
    ],
    [
      "the text among the extra inputs",
      () => requestOf(endpointOf(plain), { extraInputs: { PROMPT: "x" } }),
      "kserve takes PROMPT from the turn",
    ],
  ];
  for (const [what, make, message] of refused) {
    it(`cannot be made with ${what}`, () => {
      expect(make).to.throw(message);
    });
  }
});

describe("kserve: an answer", () => {
  const answer = (said: string, isFinal?: boolean) => response([["ANSWER", "BYTES", [1], [said]]], isFinal);
  const parse = (payload: Uint8Array, changes = whole) =>
    endpointOf(plain).parse(responseOf([{ text: payload, ms: 10 }], changes));

  it("is its text, whole or in pieces", () => {
    expect(parse(wholeAnswer(answer("Köln")))).to.deep.include({ error: undefined, outputText: "Köln" });
    const parsed = parse(stream(answer("Kö", false), answer("ln", false), response([], true)), streamed);
    expect(parsed).to.deep.include({ error: undefined, outputText: "Köln" });
    expect(parsed.contentNs).to.have.lengthOf(2);
  });

  it("has every piece, also where all say the same", () => {
    const parsed = parse(stream(answer(" a", false), answer(" a", false), answer(" a", true)), streamed);
    expect(parsed.outputText).to.equal(" a a a");
    expect(parsed.contentNs).to.have.lengthOf(3);
  });

  staysUnbroken(endpointOf(plain), [
    { title: "a stream", text: stream(answer("Kö", false), response([], true)), changes: streamed },
    { title: "a whole answer", text: wholeAnswer(answer("Köln")), changes: whole },
  ]);
});
