/**
 * A model as Triton's vLLM backend deploys one: decoupled, without a batch dimension, sampling parameters as JSON, its last response says
 * that it is the last. Pure.
 */
import { type Tensor, tensorOf } from "../../endpoints/kserve/tensor/tensor.ts";
import { isObject } from "../text/ascii-json.ts";
import { tokensOfTexts } from "../text/endpoint.ts";
import { firstWordOf, vocabulary, wordsFrom } from "../text/words.ts";
import type { AnswerPart, ModelFault, ModelKind, ModelPlan, ModelRequest, TensorSpec } from "./model.ts";
import { flagIn, lengthOf, textsIn } from "./text-inputs.ts";

const optional = (name: string, datatype: "BYTES" | "BOOL", size = 1): TensorSpec => ({
  name,
  datatype,
  dims: [size],
  isOptional: true,
});

export const vllm: ModelKind = {
  platform: "",
  backend: "vllm",
  maxBatchSize: 0,
  isDecoupled: true,
  endMark: "inLast",
  inputs: [
    { name: "text_input", datatype: "BYTES", dims: [1] },
    optional("image", "BYTES", -1),
    optional("stream", "BOOL"),
    optional("sampling_parameters", "BYTES"),
    optional("exclude_input_in_output", "BOOL"),
    optional("return_finish_reason", "BOOL"),
    optional("return_num_input_tokens", "BOOL"),
    optional("return_num_output_tokens", "BOOL"),
  ],
  outputs: [
    { name: "text_output", datatype: "BYTES", dims: [-1] },
    { name: "finish_reason", datatype: "BYTES", dims: [-1] },
    { name: "num_input_tokens", datatype: "UINT32", dims: [1] },
    { name: "num_output_tokens", datatype: "UINT32", dims: [-1] },
  ],
  read,
};

function read(request: ModelRequest): ModelPlan | ModelFault {
  const { inputs } = request;
  const [prompt] = textsIn(inputs, "text_input");
  if (prompt === undefined) return failed("text_input is missing");
  const isStreaming = flagIn(inputs, "stream") ?? false;
  const excludesInput = flagIn(inputs, "exclude_input_in_output") ?? isStreaming;
  if (isStreaming && !excludesInput) return failed("When streaming, `exclude_input_in_output` = False is not allowed.");
  const asked = askedLength(request);
  if (typeof asked === "object") return asked;
  const tokens = asked ?? request.ownLength();
  const finishReason = asked === undefined ? "stop" : "length";
  const promptTokens = tokensOfTexts([prompt]);
  const says = {
    first: firstWordOf({ promptTokens }, 0),
    echo: excludesInput ? "" : prompt,
    finishReason: flagIn(inputs, "return_finish_reason") ? finishReason : undefined,
    inputTokens: flagIn(inputs, "return_num_input_tokens") ? promptTokens : undefined,
    hasOutputTokens: flagIn(inputs, "return_num_output_tokens") ?? false,
  };
  return {
    isStreaming,
    choices: 1,
    tokens,
    finishReason,
    texts: [prompt],
    promptTokens,
    hasUsage: says.inputTokens !== undefined || says.hasOutputTokens,
    outputs: (part) => outputsOf(says, part),
  };
}

interface Saying {
  readonly first: number;
  /** The prompt where it is repeated. */
  readonly echo: string;
  /** Where it was asked for. */
  readonly finishReason: string | undefined;
  readonly inputTokens: number | undefined;
  readonly hasOutputTokens: boolean;
}

function outputsOf(says: Saying, { before, count, isLast, hasUsage }: AnswerPart): Tensor[] {
  const text = (before === 0 ? says.echo : "") + wordsFrom((says.first + before) % vocabulary.length, count);
  const outputs = [tensorOf("text_output", "BYTES", [1], [text])];
  if (says.finishReason !== undefined) {
    outputs.push(tensorOf("finish_reason", "BYTES", [1], [isLast ? says.finishReason : "None"]));
  }
  if (!hasUsage) return outputs;
  if (says.inputTokens !== undefined) outputs.push(tensorOf("num_input_tokens", "UINT32", [1], [says.inputTokens]));
  if (says.hasOutputTokens) outputs.push(tensorOf("num_output_tokens", "UINT32", [1], [count]));
  return outputs;
}

/** From the JSON of `sampling_parameters`, or from the request's own parameters where that is not given. */
function askedLength({ inputs, parameters }: ModelRequest): number | undefined | ModelFault {
  const [text] = textsIn(inputs, "sampling_parameters");
  const given = text === undefined ? parameters : parsed(text);
  if (!isObject(given)) return failed("sampling_parameters must be a JSON object");
  const { max_tokens: asked } = given;
  if (asked === undefined || asked === null) return undefined;
  const length = lengthOf("max_tokens", asked);
  return typeof length === "number" ? length : failed(length.says);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // said by the caller
  }
}

function failed(why: string): ModelFault {
  return { says: `Error generating stream: ${why}` };
}
