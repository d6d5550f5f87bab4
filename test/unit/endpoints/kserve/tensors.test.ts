import { expect } from "chai";
import type { ModelTensors, TensorInfo } from "../../../../endpoints/kserve/model-tensors.ts";
import type { TensorOptions } from "../../../../endpoints/kserve/tensor-inputs.ts";
import { createTensorEndpoint, type ModelOptions, usualTensors } from "../../../../endpoints/kserve/tensors.ts";
import { randomStream } from "../../../../services/common/random.ts";
import { responseOf } from "../openai/answers.ts";
import { plainTurn } from "../turns.ts";
import { staysUnbroken } from "../unbroken.ts";
import { requestOf, response, stream, streamed, whole, wholeAnswer } from "./calls.ts";

const input = (name: string, datatype: string, shape: readonly number[], isOptional = false): TensorInfo => ({
  name,
  datatype,
  shape,
  isOptional,
});
const model: ModelTensors = {
  model: "llama",
  maxBatchSize: 8,
  inputs: [input("IMAGE", "FP32", [3, -1]), input("IDS", "INT64", [2]), input("MASK", "BOOL", [-1], true)],
  outputs: [input("SCORES", "FP32", [-1])],
  hasSequences: false,
};
const shapes = new Map([["IMAGE", [3, 1]]]);

function endpointOf(tensors: Partial<TensorOptions> = { shapes }, changes: Partial<ModelTensors> = {}, more: ModelOptions = {}) {
  return createTensorEndpoint({ tensors: { ...usualTensors, ...tensors }, modelTensors: [{ ...model, ...changes }], ...more });
}

describe("tensor: the message of a request", () => {
  it("has the inputs that the model needs, of its datatypes and shapes, in a batch", () => {
    const { inputs } = requestOf(endpointOf({ shapes, batchSize: 2, kind: "zero" }));
    expect(inputs).to.deep.equal({
      "IMAGE FP32 [2,3,1]": [0, 0, 0, 0, 0, 0],
      "IDS INT64 [2,2]": [0n, 0n, 0n, 0n],
    });
  });

  it("has no batch dimension where the model has none", () => {
    expect(Object.keys(requestOf(endpointOf({ shapes }, { maxBatchSize: 0 })).inputs)).to.deep.equal([
      "IMAGE FP32 [3,1]",
      "IDS INT64 [2]",
    ]);
  });

  it("is drawn by the turn, each input for itself", () => {
    const endpoint = endpointOf();
    const random = (label: string) => randomStream(7, label);
    const { inputs } = requestOf(endpoint, { random });
    expect(inputs).to.deep.equal(requestOf(endpoint, { random }).inputs);
    const other = requestOf(endpoint, { random: (label) => randomStream(8, label) }).inputs;
    expect(other["IMAGE FP32 [1,3,1]"]).to.not.deep.equal(inputs["IMAGE FP32 [1,3,1]"]);
  });

  it("takes extra inputs of the names of inputs for these, each of the batch the same, and others for parameters", () => {
    const extraInputs = {
      IDS: ["9007199254740993", 5],
      MASK: [true, false, true],
      priority: 2,
      share: 0.5,
      on: true,
      of: { a: 1 },
    };
    const { inputs, parameters } = requestOf(endpointOf({ shapes, batchSize: 2, kind: "zero" }), { extraInputs });
    expect(inputs).to.deep.include({
      "IDS INT64 [2,2]": [9007199254740993n, 5n, 9007199254740993n, 5n],
      "MASK BOOL [2,3]": [true, false, true, true, false, true],
    });
    expect(parameters).to.deep.equal({ priority: 2n, share: 0.5, on: true, of: '{"a":1}' });
  });

  it("makes an optional input that a shape is given for", () => {
    const given = endpointOf({ shapes: new Map([...shapes, ["MASK", [4]]]), kind: "zero" });
    expect(requestOf(given).inputs).to.deep.include({ "MASK BOOL [1,4]": [false, false, false, false] });
  });

  it("has the turn's own tensors, each of a batch the same, in the datatypes of the model", () => {
    const tensors = [
      { name: "IMAGE", shape: [3, 2], contents: [1, 2, 3, 4, 5, 6.5] },
      { name: "IDS", shape: [], contents: new Uint8Array(16) },
      { name: "MASK", shape: [], contents: [1, 0] },
    ];
    expect(requestOf(endpointOf({ shapes, batchSize: 2 }), { tensors }).inputs).to.deep.equal({
      "IMAGE FP32 [2,3,2]": [1, 2, 3, 4, 5, 6.5, 1, 2, 3, 4, 5, 6.5],
      "IDS INT64 [2,2]": [0n, 0n, 0n, 0n],
      "MASK BOOL [2,2]": [true, false, true, false],
    });
    const text = { name: "TEXT", shape: [1], contents: new TextEncoder().encode("zwölf") };
    const texts = endpointOf({}, { inputs: [input("TEXT", "BYTES", [1])], maxBatchSize: 0 });
    expect(requestOf(texts, { tensors: [text] }).inputs).to.deep.equal({ "TEXT BYTES [1]": ["zwölf"] });
    expect(requestOf(texts, { tensors: [{ ...text, contents: ["a"] }] }).inputs).to.deep.equal({ "TEXT BYTES [1]": ["a"] });
    expect(requestOf(texts, { tensors: [{ ...text, contents: Uint8Array.of(1, 0, 0, 0, 97) }] }).inputs).to.deep.equal({
      "TEXT BYTES [1]": ["a"],
    });
  });

  it("says where in a sequence it is, to models that have such", () => {
    const endpoint = endpointOf({ shapes }, { hasSequences: true });
    const ofSession = (body: Uint8Array) => endpoint.ofSession?.(body, "llama", { id: 7n, isFirst: true, isLast: false }) ?? body;
    const parameters = { sequence_id: 7n, sequence_start: true, sequence_end: false };
    const told = requestOf(
      { ...endpoint, formatBody: (turn) => ofSession(endpoint.formatBody(turn)) },
      { extraInputs: { a: 1 } },
    );
    expect(told.parameters).to.deep.equal({ a: 1n, ...parameters });
    expect(Object.keys(told.inputs)).to.have.lengthOf(2);
    const body = endpointOf().formatBody({ ...plainTurn });
    expect(endpointOf().ofSession?.(body, "llama", { id: 7n, isFirst: true, isLast: true })).to.equal(body);
  });

  it("has the run's parameters, and asks a stream for its end", () => {
    const endpoint = endpointOf({ shapes }, {}, { requestParameters: { timeout: 3 } });
    expect(requestOf(endpoint, { isStreaming: true }).parameters).to.deep.equal({
      timeout: 3n,
      triton_enable_empty_final_response: true,
    });
  });

  const refused: readonly [what: string, make: () => unknown, message: string][] = [
    [
      "sizes that nobody says",
      () => requestOf(endpointOf({})),
      "the model leaves sizes of IMAGE FP32 [3,-1] open: add --shape IMAGE:3,N",
    ],
    [
      "a shape that is not the model's",
      () => requestOf(endpointOf({ shapes: new Map([["IMAGE", [4, 1]]]) })),
      "the model has IMAGE FP32 [3,-1], and --shape says [4,1]",
    ],
    [
      "a shape of an input that there is not",
      () => requestOf(endpointOf({ shapes: new Map([...shapes, ["IMAGES", [1]]]) })),
      "model llama has no input IMAGES, which --shape names, it has IMAGE, IDS, MASK",
    ],
    [
      "a batch that is too large",
      () => requestOf(endpointOf({ shapes, batchSize: 9 })),
      "model llama takes 8 in a batch, and --batch-size is 9",
    ],
    [
      "a batch of a model without",
      () => requestOf(endpointOf({ shapes, batchSize: 2 }, { maxBatchSize: 0 })),
      "model llama has no batch dimension, and --batch-size is 2",
    ],
    [
      "values that are too many",
      () => requestOf(endpointOf(), { extraInputs: { IDS: [1, 2, 3] } }),
      "tensor IDS: shape [1,2] needs 2 elements, got 3",
    ],
    [
      "a value of another datatype",
      () => requestOf(endpointOf(), { extraInputs: { IDS: [true, 2] } }),
      "tensor IDS: element 0 of INT64 must be an integer",
    ],
    [
      "a tensor of the turn that the model does not have",
      () => requestOf(endpointOf(), { tensors: [{ name: "X", shape: [], contents: [1] }] }),
      "model llama has no input X, which the dataset names, it has IMAGE, IDS, MASK",
    ],
    [
      "a tensor of the turn of another shape",
      () => requestOf(endpointOf(), { tensors: [{ name: "IDS", shape: [3], contents: [1, 2, 3] }] }),
      "tensor IDS: shape must be [2], got [3]",
    ],
    [
      "a tensor of the turn with too few elements",
      () => requestOf(endpointOf(), { tensors: [{ name: "IDS", shape: [], contents: [1] }] }),
      "tensor IDS: shape [2] needs 2 elements, got 1",
    ],
    ["a datatype that nobody knows", () => requestOf(endpointOf({}, { inputs: [input("X", "FP8", [1])] })), "tensor X is of FP8"],
    [
      "a model that nobody has asked",
      () => requestOf(endpointOf(), { model: "other" }),
      "what tensors model other takes is not known",
    ],
  ];
  for (const [what, make, message] of refused) {
    it(`cannot be made with ${what}`, () => {
      expect(make).to.throw(message);
    });
  }
});

describe("tensor: an answer", () => {
  const scores = (count = 2, isFinal?: boolean) =>
    response([["SCORES", "FP32", [count], new Array<number>(count).fill(1)]], isFinal);
  const parse = (payload: Uint8Array, changes = whole) =>
    endpointOf({ shapes, batchSize: 4 }).parse(responseOf([{ text: payload, ms: 10 }], changes));

  it("is whole with its outputs, whatever they are, and counts the inferences of its request", () => {
    const parsed = parse(wholeAnswer(scores()));
    expect(parsed).to.deep.include({ error: undefined, outputText: "", outputCount: 4 });
    expect(parsed.contentNs).to.have.lengthOf(1);
  });

  it("of several responses has each as a chunk, and its inferences once", () => {
    const parsed = parse(stream(scores(2, false), scores(5, false), response([], true)), streamed);
    expect(parsed).to.deep.include({ error: undefined, outputCount: 4 });
    expect(parsed.contentNs).to.have.lengthOf(2);
  });

  it("is an error where bytes and shape do not go together, and where there are no outputs", () => {
    const broken = { ...scores(), rawOutputContents: [new Uint8Array(7)] };
    expect(parse(wholeAnswer(broken)).error).to.deep.include({
      code: "parse",
      message: "tensor SCORES: contents of FP32 must be a multiple of 4 bytes, got 7",
    });
    expect(parse(wholeAnswer(response([]))).error?.code).to.equal("empty");
  });

  staysUnbroken(endpointOf(), [
    { title: "a stream", text: stream(response([["SCORES", "FP32", [1], [1]]], false), response([], true)), changes: streamed },
    { title: "a whole answer", text: wholeAnswer(response([["SCORES", "FP32", [1], [1]]])), changes: whole },
  ]);
});
