/**
 * TensorRT-LLM behind Triton over gRPC, as its ensemble and its BLS model take requests: every tensor with a batch dimension of one,
 * `text_input`, `max_tokens` and `stream`. Extra inputs are further tensors. A stream needs a model that was deployed decoupled.
 */
import type { ServerTimes } from "../../metrics/metric.ts";
import { AssayError } from "../../services/common/errors.ts";
import { countedUsage } from "../counts.ts";
import { type NewText, readTexts } from "../cumulative.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import type { EventMeaning } from "../event-stream.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { callShape, countIn, inferMessage, type Outputs, parseCall, textsIn } from "./call.ts";
import { datatypeOf } from "./infer.ts";
import type { Datatype } from "./tensor/datatypes.ts";
import type { ElementInput } from "./tensor/elements.ts";
import { type Tensor, tensorOf } from "./tensor/tensor.ts";
import type { VersionOptions } from "./versions.ts";

export function createTrtllmEndpoint({ reasoningTags, modelVersion = "" }: TagOptions & VersionOptions = {}): Endpoint {
  return {
    ...callShape,
    name: "trtllm",
    takes: ["text"],
    // Several answers come as responses of their own, which nothing here tells apart.
    reservedInputs: ["text_input", "stream", "num_return_sequences", "beam_width"],
    produces: "text",
    formatBody: (turn) => {
      const { model, isStreaming } = turn;
      return inferMessage({ model, modelVersion, isStreaming, inputs: inputsOf(turn), outputs: outputsOf(turn) });
    },
    parse: (response) => readTexts("pieces", (next) => parseCall(response, createReader(next()), reasoningTags)),
  };
}

const named = (datatype: Datatype, names: readonly string[]): [string, Datatype][] => names.map((name) => [name, datatype]);

/** Inputs whose datatype their values do not tell. */
const datatypes: ReadonlyMap<string, Datatype> = new Map([
  ...named("INT32", ["max_tokens", "min_tokens", "end_id", "pad_id", "top_k"]),
  ...named("FP32", ["top_p", "temperature", "length_penalty", "repetition_penalty", "presence_penalty", "frequency_penalty"]),
  ...named("UINT64", ["seed", "lora_task_id"]),
]);

function inputsOf({ messages, maxOutputTokens, isStreaming, extraInputs }: TurnInput): Tensor[] {
  // The ensemble has no such input; the least length says the same.
  const { ignore_eos: _, ...extras } = extraInputs;
  const inputs: Record<string, unknown> = {
    text_input: contentsOf(messages, "text").join("\n"),
    stream: isStreaming,
    exclude_input_in_output: true,
    ...(maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens }),
    ...extras,
  };
  if (inputs.max_tokens === undefined) {
    throw new AssayError("invalid_argument", "trtllm needs an output length: --osl, or --extra-inputs max_tokens:N");
  }
  return Object.entries(inputs).map(([name, value]) => inputOf(name, value));
}

/** A value, or the values of a list; what is no number, text or truth value goes as its JSON. */
function inputOf(name: string, value: unknown): Tensor {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const datatype = datatypes.get(name) ?? datatypeOf(values);
  const elements = datatype === "BYTES" ? values.map((one) => (typeof one === "string" ? one : JSON.stringify(one))) : values;
  return tensorOf(name, datatype, [1, values.length], elements as ElementInput[]);
}

const counts = ["num_input_tokens", "num_output_tokens"];
/** With `return_perf_metrics`: moments of the request on the server's clock. */
const times = ["arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns"];

/** Some outputs are as large as the vocabulary: none is asked for that is not read. */
function outputsOf({ extraInputs }: TurnInput): string[] {
  return [
    "text_output",
    ...counts.filter((name) => extraInputs[`return_${name}`] === true),
    ...(extraInputs.return_perf_metrics === true ? times : []),
  ];
}

/** With `accumulate_tokens` each response has the whole text so far, and each has the count of all tokens so far. */
function createReader(newText: NewText): (outputs: Outputs) => EventMeaning {
  return (outputs) => ({
    outputText: newText(textsIn(outputs, "text_output").join("")),
    reasoningText: "",
    finishReason: undefined,
    usage: countedUsage(countIn(outputs, "num_input_tokens"), countIn(outputs, "num_output_tokens")),
    ...timesOf(outputs),
    errorWords: undefined,
  });
}

/** Nothing where a moment is missing, or before the one that comes before it: some responses do not know them yet. */
function timesOf(outputs: Outputs): { readonly serverTimes?: ServerTimes } {
  const [arrivalNs = 0, scheduledNs = 0, firstTokenNs = 0] = times.map((name) => countIn(outputs, name));
  const isKnown = arrivalNs > 0 && scheduledNs >= arrivalNs && firstTokenNs >= scheduledNs;
  return isKnown ? { serverTimes: { scheduledNs: scheduledNs - arrivalNs, firstTokenNs: firstTokenNs - arrivalNs } } : {};
}
