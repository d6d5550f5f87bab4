/**
 * Models of Triton's vLLM backend over gRPC: the tensors `text_input`, `stream`, `sampling_parameters` (JSON),
 * `exclude_input_in_output` and `image`, without a batch dimension. Extra inputs that are inputs of the backend are tensors, all others sampling
 * parameters. It always answers as a stream of responses, so that a call without `--streaming` is refused by it.
 */
import { AssayError } from "../../services/common/errors.ts";
import { countedUsage } from "../counts.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import type { EventMeaning } from "../event-stream.ts";
import { isJsonObject, type JsonObject, parseJson } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { callShape, countIn, inferMessage, type Outputs, parseCall, textsIn } from "./call.ts";
import { reasonOf } from "./generate.ts";
import { type Tensor, tensorOf } from "./tensor/tensor.ts";
import type { VersionOptions } from "./versions.ts";

export function createTritonGenerateEndpoint({ reasoningTags, modelVersion = "" }: TagOptions & VersionOptions = {}): Endpoint {
  return {
    ...callShape,
    name: "triton_generate",
    takes: ["text", "image"],
    reservedInputs: ["text_input", "stream", "image"],
    produces: "text",
    formatBody: (turn) => {
      const { model, isStreaming } = turn;
      return inferMessage({ model, modelVersion, isStreaming, inputs: inputsOf(turn) });
    },
    parse: (response) => parseCall(response, createReader(), reasoningTags),
  };
}

const flags: ReadonlySet<string> = new Set([
  "exclude_input_in_output",
  "return_finish_reason",
  "return_cumulative_logprob",
  "return_logprobs",
  "return_num_input_tokens",
  "return_num_output_tokens",
]);

function inputsOf({ messages, maxOutputTokens, isStreaming, extraInputs }: TurnInput): Tensor[] {
  const { sampling_parameters: given, ...extras } = extraInputs;
  const entries = Object.entries(extras);
  const length = maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens };
  const others = Object.fromEntries(entries.filter(([name]) => !flags.has(name)));
  const parameters = { ...length, ...others, ...samplingOf(given) };
  const images = contentsOf(messages, "image").map(base64Of);
  const asked = new Map([["exclude_input_in_output", true as unknown], ...entries.filter(([name]) => flags.has(name))]);
  return [
    tensorOf("text_input", "BYTES", [1], [contentsOf(messages, "text").join("\n")]),
    tensorOf("stream", "BOOL", [1], [isStreaming]),
    tensorOf("sampling_parameters", "BYTES", [1], [JSON.stringify(parameters)]),
    ...(images.length === 0 ? [] : [tensorOf("image", "BYTES", [images.length], images)]),
    ...[...asked].map(([name, value]) => tensorOf(name, "BOOL", [1], [value as boolean])),
  ];
}

/** The backend decodes base64, and fetches nothing. */
function base64Of(url: string): string {
  const [, data] = /^data:[^,]*;base64,(.*)$/s.exec(url) ?? [];
  if (data !== undefined) return data;
  throw new AssayError("invalid_argument", `triton_generate takes images as data: URLs in base64, got ${url.slice(0, 100)}`);
}

/** As an object, or as the JSON of one. */
function samplingOf(given: unknown): JsonObject {
  if (given === undefined) return {};
  const object = typeof given === "string" ? parseJson(given) : given;
  if (isJsonObject(object)) return object;
  throw new AssayError("invalid_argument", `sampling_parameters must be a JSON object, got ${JSON.stringify(given)}`);
}

/** The backend counts the output tokens of each response apart. Of several answers (`n`) the first is the answer. */
function createReader(): (outputs: Outputs) => EventMeaning {
  let outputTokens: number | undefined;
  return (outputs) => {
    const [text = "", ...others] = textsIn(outputs, "text_output");
    const reasons = textsIn(outputs, "finish_reason").map(reasonOf);
    const more = countIn(outputs, "num_output_tokens");
    if (more !== undefined) outputTokens = (outputTokens ?? 0) + more;
    const count = 1 + others.length;
    const ended = reasons.slice(1).filter((reason) => reason !== undefined).length;
    return {
      outputText: text,
      reasoningText: "",
      finishReason: reasons[0],
      usage: countedUsage(countIn(outputs, "num_input_tokens"), outputTokens),
      errorWords: undefined,
      ...(others.length === 0 ? {} : { others: { count, ended, outputText: others.join(""), reasoningText: "" } }),
    };
  };
}
