/**
 * KServe v2 over REST, `POST /v2/models/{model}/infer`: tensors in, tensors out. The prompt is the tensor `text_input`, the output length
 * `max_tokens`, both `[1, 1]`: models with a batch dimension, as TensorRT-LLM's (vLLM's backend refuses this path, see `kserve_generate`).
 * Each extra input is one more tensor, typed by its value; `inputs`, `outputs`, `parameters` and `id` are fields of the body instead.
 */

import { countedUsage } from "../counts.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { errorWords } from "../target-error.ts";
import { modelPath, type VersionOptions } from "./versions.ts";

export function createKserveInferEndpoint({ reasoningTags, modelVersion }: TagOptions & VersionOptions = {}): Endpoint {
  return {
    name: "kserve_infer",
    path: `${modelPath(modelVersion)}/infer`,
    canStream: false,
    hasVersions: true,
    takes: ["text"],
    produces: "text",
    formatBody: (turn) => encodeJson(inferBody(turn)),
    parse: (response) => parseAnswer(response, readTensors, undefined, { reasoningTags }),
  };
}

const maxTensorRank = 8;
const bodyFields: ReadonlySet<string> = new Set(["inputs", "outputs", "parameters", "id"]);

function inferBody({ messages, maxOutputTokens, extraInputs }: TurnInput): JsonObject {
  const extras = Object.entries(extraInputs);
  const given = Object.fromEntries(extras.filter(([name]) => !bodyFields.has(name)));
  const tensors = {
    text_input: contentsOf(messages, "text").join("\n"),
    ...(maxOutputTokens === undefined ? {} : { max_tokens: maxOutputTokens }),
    ...given,
  };
  const inputs = Object.entries(tensors).map(([name, value]) => tensorOf(name, value));
  return { inputs, ...Object.fromEntries(extras.filter(([name]) => bodyFields.has(name))) };
}

/** Of one batch entry: a value, or the values of a list. What is no number, text or truth value goes as its JSON. */
function tensorOf(name: string, value: unknown): JsonObject {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const datatype = datatypeOf(values);
  const data = datatype === "BYTES" ? values.map((one) => (typeof one === "string" ? one : JSON.stringify(one))) : values;
  return { name, shape: [1, values.length], datatype, data };
}

/** The datatype of a tensor whose elements are given as these values. */
export function datatypeOf(values: readonly unknown[]): "BOOL" | "BYTES" | "INT32" | "FP32" {
  if (values.every((value) => typeof value === "boolean")) return "BOOL";
  if (!values.every((value) => typeof value === "number")) return "BYTES";
  return values.every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31) ? "INT32" : "FP32";
}

/** Text is the tensor `text_output`, or what there is of BYTES where there is none of that name. */
function readTensors(document: JsonObject): EventMeaning {
  const outputs = Array.isArray(document.outputs) ? document.outputs.filter(isJsonObject) : [];
  const named = (name: string): unknown => dataOf(outputs.find((output) => output.name === name))[0];
  const texts = outputs.filter(({ datatype }) => datatype === "BYTES");
  const wanted = outputs.find(({ name }) => name === "text_output");
  const data = wanted === undefined ? texts.flatMap(dataOf) : dataOf(wanted);
  return {
    outputText: data.map((piece) => textOf(piece) ?? "").join(""),
    reasoningText: "",
    finishReason: textOf(named("finish_reason")),
    usage: countedUsage(named("num_input_tokens"), named("num_output_tokens")),
    errorWords: errorWords(document),
  };
}

function dataOf(output: JsonObject | undefined): readonly unknown[] {
  return Array.isArray(output?.data) ? output.data.flat(maxTensorRank) : [];
}
