/**
 * Any model of text in KServe's inference service over gRPC: which of its tensors are the prompt, the answer, the output length and the wish
 * for a stream is said by name, or seen where there is no choice. Of a batch dimension it is one. Extra inputs of the names of inputs are
 * these, all others parameters of the request.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import type { EventMeaning } from "../event-stream.ts";
import { contentsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { callShape, inferMessage, noMeaning, type Outputs, parseCall } from "./call.ts";
import { type ModelTensors, shownTensor, shownTensors, type TensorInfo, tensorsOfModel } from "./model-tensors.ts";
import type { ElementInput } from "./tensor/elements.ts";
import { textsOf } from "./tensor/elements.ts";
import type { Shape } from "./tensor/shape.ts";
import { type Tensor, tensorOf } from "./tensor/tensor.ts";
import { batchOf, datatypeOf, givenInput } from "./tensor-inputs.ts";
import { type ModelOptions, parametersOf } from "./tensors.ts";

/** Names of tensors; empty: none is said. */
export interface TextTensors {
  readonly textInput: string;
  readonly textOutput: string;
  readonly lengthInput: string;
  readonly streamInput: string;
}

/** What a model of text is told. */
export interface TextModelOptions extends ModelOptions, TagOptions {
  readonly textTensors?: TextTensors;
}

const noNames: TextTensors = { textInput: "", textOutput: "", lengthInput: "", streamInput: "" };
/** Of an input, where nobody says another, and of the parameter where there is no such input. */
const usualLength = "max_tokens";
const usualStream = "stream";

export function createKserveEndpoint({
  textTensors = noNames,
  requestParameters = {},
  modelTensors = [],
  modelVersion = "",
  reasoningTags,
}: TextModelOptions = {}): Endpoint {
  return {
    ...callShape,
    name: "kserve",
    takes: ["text"],
    needsModelTensors: true,
    produces: "text",
    formatBody: (turn) => {
      const { model, isStreaming } = turn;
      const places = placesOf(tensorsOfModel(modelTensors, model), textTensors);
      const { inputs, parameters } = inputsOf(places, turn);
      const outputs = [places.textOutput.name];
      return inferMessage({
        model,
        modelVersion,
        isStreaming,
        inputs,
        outputs,
        parameters: parametersOf({ ...requestParameters, ...parameters }),
      });
    },
    parse: (response) => parseCall(response, readText, reasoningTags),
  };
}

/** Which tensor is what. */
interface Places {
  readonly model: ModelTensors;
  readonly textInput: TensorInfo;
  readonly textOutput: TensorInfo;
  readonly lengthInput: TensorInfo | undefined;
  readonly streamInput: TensorInfo | undefined;
}

function placesOf(model: ModelTensors, names: TextTensors): Places {
  const { inputs, outputs } = model;
  const needed = inputs.filter(({ isOptional }) => !isOptional);
  const textInput = named(model, "input", inputs, names.textInput) ?? onlyText(needed) ?? onlyText(inputs);
  const textOutput = named(model, "output", outputs, names.textOutput) ?? onlyText(outputs);
  if (textInput === undefined) throw unclear(model, "input", inputs, "--text-input-name");
  if (textOutput === undefined) throw unclear(model, "output", outputs, "--text-output-name");
  for (const tensor of [textInput, textOutput]) {
    if (tensor.datatype === "BYTES") continue;
    throw new AssayError("invalid_argument", `text is BYTES, and model ${model.model} has ${shownTensor(tensor)}`);
  }
  return {
    model,
    textInput,
    textOutput,
    lengthInput: named(model, "input", inputs, names.lengthInput) ?? inputs.find(({ name }) => name === usualLength),
    streamInput: named(model, "input", inputs, names.streamInput) ?? inputs.find(({ name }) => name === usualStream),
  };
}

function onlyText(tensors: readonly TensorInfo[]): TensorInfo | undefined {
  const [one, other] = tensors.filter(({ datatype }) => datatype === "BYTES");
  return other === undefined ? one : undefined;
}

/** Undefined: none is said. */
function named({ model }: ModelTensors, what: string, tensors: readonly TensorInfo[], wanted: string): TensorInfo | undefined {
  const found = tensors.find(({ name }) => name === wanted);
  if (found !== undefined || wanted === "") return found;
  throw new AssayError("invalid_argument", `model ${model} has no ${what} ${wanted}, it has ${shownTensors(tensors)}`);
}

function unclear({ model }: ModelTensors, what: string, tensors: readonly TensorInfo[], flag: string): AssayError {
  const why = `which ${what} of model ${model} is the text is not clear: name it by ${flag}, it has ${shownTensors(tensors)}`;
  return new AssayError("invalid_argument", why);
}

function inputsOf({ model, textInput, lengthInput, streamInput }: Places, turn: TurnInput) {
  const { messages, maxOutputTokens, isStreaming, extraInputs } = turn;
  const batch = batchOf(model, 1);
  const own = new Map<string, Tensor>();
  const put = (input: TensorInfo, element: ElementInput): void => {
    own.set(input.name, tensorOf(input.name, datatypeOf(input), onesOf(input, batch), [element]));
  };
  put(textInput, contentsOf(messages, "text").join("\n"));
  if (streamInput !== undefined) put(streamInput, isStreaming);
  if (lengthInput !== undefined && maxOutputTokens !== undefined) put(lengthInput, maxOutputTokens);
  const inputs = model.inputs.flatMap((input) => {
    const { name, isOptional } = input;
    const given = Object.hasOwn(extraInputs, name);
    if (given && input === textInput) throw new AssayError("invalid_argument", `kserve takes ${name} from the turn`);
    const tensor = given ? givenInput(input, batch, extraInputs[name], new Map()) : own.get(name);
    if (tensor !== undefined || isOptional) return tensor ?? [];
    throw new AssayError("invalid_argument", missing(input, model, lengthInput));
  });
  const others = Object.entries(extraInputs).filter(([name]) => model.inputs.every((input) => input.name !== name));
  const length = lengthInput === undefined && maxOutputTokens !== undefined ? { [usualLength]: maxOutputTokens } : {};
  return { inputs, parameters: { ...length, ...Object.fromEntries(others) } };
}

function missing(input: TensorInfo, { model }: ModelTensors, lengthInput: TensorInfo | undefined): string {
  const by = input === lengthInput ? "--osl TOKENS" : `--extra-inputs ${input.name}:VALUE`;
  return `model ${model} needs ${shownTensor(input)}: give it by ${by}`;
}

/** The shape of one element. */
function onesOf({ shape }: TensorInfo, batch: Shape): Shape {
  return [...batch, ...shape.map((size) => (size === -1 ? 1 : size))];
}

/** Only the text is asked for. */
function readText(outputs: Outputs): EventMeaning {
  const text = [...outputs.values()].find(({ datatype }) => datatype === "BYTES");
  return { ...noMeaning, outputText: text === undefined ? "" : textsOf(text.raw).join("") };
}
