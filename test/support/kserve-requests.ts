/** Requests of KServe's inference service, and what Triton says of those that do not fit. The models are the mock's. */
import { status } from "@grpc/grpc-js";
import { expect } from "chai";
import { type Given, type InferenceClient, type InferInit, inferRequest } from "./kserve-client.ts";

export const vllm = (
  tokens: number | string,
  isStreaming: boolean,
  more: InferInit = {},
  inputs: readonly Given[] = [],
): InferInit =>
  inferRequest(
    "vllm_model",
    [
      ["text_input", "BYTES", [1], ["Hello there"]],
      ["stream", "BOOL", [1], [isStreaming]],
      ["sampling_parameters", "BYTES", [1], [JSON.stringify({ max_tokens: tokens, temperature: 0 })]],
      ...inputs,
    ],
    { id: "r", ...more },
  );

export const trtllm = (
  model: string,
  tokens: number,
  isStreaming: boolean,
  more: InferInit = {},
  inputs: readonly Given[] = [],
): InferInit =>
  inferRequest(
    model,
    [
      ["text_input", "BYTES", [1, 1], ["Hello there"]],
      ["max_tokens", "INT32", [1, 1], [tokens]],
      ["stream", "BOOL", [1, 1], [isStreaming]],
      ["end_id", "INT32", [1, 1], [2]],
      ["temperature", "FP32", [1, 1], [0.5]],
      ...inputs,
    ],
    { id: "r", ...more },
  );

export const add = (more: InferInit = {}, shape: readonly number[] = [1, 4]): InferInit => {
  const size = shape.reduce((product, one) => product * one, 1);
  const numbers = Array.from({ length: size }, (_, i) => i);
  return inferRequest(
    "add_sub",
    [
      ["INPUT0", "FP32", shape, numbers],
      ["INPUT1", "FP32", shape, numbers],
    ],
    { id: "r", ...more },
  );
};

const note =
  " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";
const input = (name: string, shape: number[], datatype = "FP32") => ({ name, datatype, shape: shape.map(BigInt) });
const contents = { fp32Contents: [1, 2, 3, 4] };

export type Refusal = readonly [what: string, request: InferInit, code: number, details: string];

/** In the words of Triton 2.51, held against one by test/real/triton.test.ts. */
export const refusals: readonly Refusal[] = [
  ["an unknown model", add({ modelName: "nope" }), 5, "Request for unknown model: 'nope' is not found"],
  ["an unknown version", add({ modelVersion: "7" }), 5, "Request for unknown model: 'add_sub' version 7 is not found"],
  [
    "a version that is no number",
    add({ modelVersion: "x" }),
    3,
    "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0",
  ],
  [
    "a wrong shape",
    add({ inputs: [input("INPUT0", [1, 4]), input("INPUT1", [1, 3])] }),
    3,
    `[request id: r] unexpected shape for input 'INPUT1' for model 'add_sub'. Expected [-1,4], got [1,3].${note}`,
  ],
  [
    "a wrong shape without an id",
    add({ id: "", inputs: [input("INPUT0", [1, 4]), input("INPUT1", [1, 3])] }),
    3,
    `[request id: <id_unknown>] unexpected shape for input 'INPUT1' for model 'add_sub'. Expected [-1,4], got [1,3].${note}`,
  ],
  [
    "a wrong datatype",
    add({ inputs: [input("INPUT0", [1, 4], "INT64"), input("INPUT1", [1, 4])] }),
    3,
    "[request id: r] inference input 'INPUT0' data-type is 'INT64', but model 'add_sub' expects 'FP32'",
  ],
  [
    "an unknown datatype",
    add({ inputs: [input("INPUT0", [1, 4], "FLOAT"), input("INPUT1", [1, 4])] }),
    3,
    "[request id: r] inference input 'INPUT0' data-type is '<invalid>', but model 'add_sub' expects 'FP32'",
  ],
  [
    "a missing input",
    add({ inputs: [input("INPUT0", [1, 4])] }),
    3,
    "[request id: r] expected 2 inputs but got 1 inputs for model 'add_sub'. Got input(s) ['INPUT0'], but missing required input(s) ['INPUT1']. Please provide all required input(s).",
  ],
  [
    "an unknown input",
    add({ inputs: [input("INPUT0", [1, 4]), input("WRONG", [1, 4])] }),
    3,
    "unexpected inference input 'WRONG' for model 'add_sub'",
  ],
  [
    "an input given twice",
    add({ inputs: [input("INPUT0", [1, 4]), input("INPUT0", [1, 4])] }),
    3,
    "[request id: r] input 'INPUT0' already exists in request",
  ],
  ["an unknown output", add({ outputs: [{ name: "WHAT" }] }), 3, "unexpected inference output 'WHAT' for model 'add_sub'"],
  ["too large a batch", add({}, [9, 4]), 3, "[request id: r] inference request batch-size must be <= 8 for 'add_sub'"],
  [
    "contents that are too short",
    add({ rawInputContents: [new Uint8Array(12), new Uint8Array(16)] }),
    3,
    "[request id: r] input byte size mismatch for input 'INPUT0' for model 'add_sub'. Expected 16, got 12",
  ],
  [
    "contents for one input alone",
    add({ rawInputContents: [new Uint8Array(16)] }),
    3,
    "unable to find data for input tensor 'INPUT1' for model 'add_sub' in request.",
  ],
  [
    "raw and typed contents",
    add({ inputs: [{ ...input("INPUT0", [1, 4]), contents }, input("INPUT1", [1, 4])] }),
    3,
    "contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'add_sub'",
  ],
  [
    "typed contents of another type",
    add({ inputs: [{ ...input("INPUT0", [1, 4]), contents: { intContents: [1, 2, 3, 4] } }], rawInputContents: [] }),
    3,
    "unexpected explicit tensor data for input tensor 'INPUT0' for model 'add_sub' of type 'INT32', expected datatype 'FP32'",
  ],
  [
    "a parameter that is the server's own",
    add({ parameters: { triton_foo: { parameterChoice: { case: "boolParam", value: true } } } }),
    3,
    "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response",
  ],
  [
    "a decoupled model by ModelInfer",
    trtllm("ensemble", 1, true),
    12,
    "ModelInfer RPC doesn't support models with decoupled transaction policy",
  ],
  [
    "fewer texts than the shape says",
    inferRequest("identity_bytes", [["INPUT0", "BYTES", [2], ["one"]]], { id: "r" }),
    3,
    "[request id: r] expected 2 string elements for inference input 'INPUT0' for model 'identity_bytes', got 1",
  ],
  [
    "more texts than the shape says",
    inferRequest("identity_bytes", [["INPUT0", "BYTES", [1], ["one", "two"]]], { id: "r" }),
    3,
    "[request id: r] unexpected number of string elements 2 for inference input 'INPUT0' for model 'identity_bytes', expecting 1",
  ],
];

/** The request is refused so by ModelInfer, and in a stream, which goes on. */
export async function expectRefused(client: InferenceClient, [, request, code, details]: Refusal): Promise<void> {
  expect(await client.infer(request)).to.deep.equal({ code, details });
  if (code === status.UNIMPLEMENTED) return; // of ModelInfer alone
  const { received, code: ofStream } = await client.streamed([request, add({ id: "after" })]);
  expect(ofStream).to.equal(status.OK);
  const misfit = received.find(({ errorMessage }) => errorMessage !== "");
  expect(misfit).to.deep.include({ errorMessage: details });
  expect(misfit?.inferResponse).to.deep.include({ id: request.id ?? "", modelName: "", parameters: {} });
  expect(received.map(({ inferResponse }) => inferResponse?.id)).to.include("after");
}
