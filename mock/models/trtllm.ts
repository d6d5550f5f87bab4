/**
 * The ensemble with which TensorRT-LLM is deployed: every tensor with a batch dimension, `max_tokens` an input. Where it streams, a
 * response without outputs is its end. Pure.
 */
import type { Datatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import { type Tensor, tensorOf } from "../../endpoints/kserve/tensor/tensor.ts";
import { maxTokensOfAnswer } from "../options/table.ts";
import { tokensOfTexts } from "../text/endpoint.ts";
import { firstWordOf, vocabulary, wordsFrom } from "../text/words.ts";
import type { AnswerPart, ModelFault, ModelKind, ModelPlan, ModelRequest, TensorSpec } from "./model.ts";
import { flagIn, integerIn, lengthOf, textsIn } from "./text-inputs.ts";

const specs = (datatype: Datatype, names: readonly string[], size = 1): TensorSpec[] =>
  names.map((name) => ({ name, datatype, dims: [size], isOptional: true }));

const timesInNs = ["arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns", "last_token_time_ns"];
const counts = ["num_input_tokens", "num_output_tokens"];

const common = {
  platform: "ensemble",
  backend: "",
  maxBatchSize: 64,
  inputs: [
    { name: "text_input", datatype: "BYTES", dims: [1] },
    { name: "max_tokens", datatype: "INT32", dims: [1] },
    ...specs("INT32", ["num_return_sequences", "end_id", "pad_id", "top_k", "min_tokens", "beam_width"]),
    ...specs("BYTES", ["bad_words", "stop_words"], -1),
    ...specs("FP32", ["top_p", "temperature", "length_penalty", "repetition_penalty", "presence_penalty", "frequency_penalty"]),
    ...specs("UINT64", ["seed"]),
    ...specs("BOOL", ["stream", "exclude_input_in_output", "return_log_probs", "return_perf_metrics"]),
    ...specs("BOOL", ["return_num_input_tokens", "return_num_output_tokens"]),
  ] satisfies TensorSpec[],
  outputs: [
    { name: "text_output", datatype: "BYTES", dims: [-1] },
    { name: "batch_index", datatype: "INT32", dims: [1] },
    { name: "sequence_index", datatype: "INT32", dims: [1] },
    ...specs("INT64", timesInNs),
    ...specs("INT32", counts),
  ] satisfies TensorSpec[],
} as const;

/** Deployed to stream. */
export const trtllm: ModelKind = { ...common, isDecoupled: true, endMark: "empty", read: (request) => read(request, true) };

/** Deployed to answer whole; asked for a stream it says what the real one does. */
export const trtllmUnary: ModelKind = {
  ...common,
  isDecoupled: false,
  endMark: "inLast",
  read: (request) => read(request, false),
};

function read(request: ModelRequest, mayStream: boolean): ModelPlan | ModelFault {
  const { inputs, batch } = request;
  const prompts = textsIn(inputs, "text_input");
  const isStreaming = flagIn(inputs, "stream") ?? false;
  if (prompts.length === 0) return { says: "text_input is missing" };
  if (isStreaming && !mayStream) return { says: "Streaming is only supported when model is deployed using decoupled mode." };
  const tokens = lengthOf("max_tokens", integerIn(inputs, "max_tokens"), Math.floor(maxTokensOfAnswer / batch));
  if (typeof tokens === "object") return tokens;
  const promptTokens = tokensOfTexts(prompts);
  const asks: Asking = {
    prompts,
    first: firstWordOf({ promptTokens }, 0),
    echoesInput: flagIn(inputs, "exclude_input_in_output") !== true && !isStreaming,
    hasTimes: flagIn(inputs, "return_perf_metrics") ?? false,
    inputTokens: flagIn(inputs, "return_num_input_tokens") ? promptTokens : undefined,
    hasOutputTokens: flagIn(inputs, "return_num_output_tokens") ?? false,
  };
  return {
    isStreaming,
    choices: batch,
    tokens,
    finishReason: "length",
    texts: prompts,
    promptTokens,
    hasUsage: asks.inputTokens !== undefined || asks.hasOutputTokens,
    outputs: (part) => outputsOf(asks, part),
  };
}

interface Asking {
  readonly prompts: readonly string[];
  readonly first: number;
  readonly echoesInput: boolean;
  readonly hasTimes: boolean;
  readonly inputTokens: number | undefined;
  readonly hasOutputTokens: boolean;
}

function outputsOf(asks: Asking, part: AnswerPart): Tensor[] {
  const { before, count } = part;
  const shape = [asks.prompts.length, 1];
  const each = <T>(value: (index: number) => T): T[] => asks.prompts.map((_, index) => value(index));
  const outputs = [
    tensorOf(
      "text_output",
      "BYTES",
      shape,
      each((index) => {
        const echo = asks.echoesInput && before === 0 ? (asks.prompts[index] ?? "") : "";
        return echo + wordsFrom((asks.first + index + before) % vocabulary.length, count);
      }),
    ),
    tensorOf("batch_index", "INT32", shape, each(Number)),
    tensorOf(
      "sequence_index",
      "INT32",
      shape,
      each(() => 0),
    ),
  ];
  if (asks.hasTimes) {
    const times = [part.receivedNs, part.startNs, part.firstNs, part.nowNs].map((ns) => BigInt(Math.round(ns)));
    for (const [i, name] of timesInNs.entries())
      outputs.push(
        tensorOf(
          name,
          "INT64",
          shape,
          each(() => times[i] ?? 0n),
        ),
      );
  }
  if (!part.hasUsage) return outputs;
  if (asks.inputTokens !== undefined)
    outputs.push(
      tensorOf(
        "num_input_tokens",
        "INT32",
        shape,
        each(() => asks.inputTokens ?? 0),
      ),
    );
  if (asks.hasOutputTokens)
    outputs.push(
      tensorOf(
        "num_output_tokens",
        "INT32",
        shape,
        each(() => before + count),
      ),
    );
  return outputs;
}
