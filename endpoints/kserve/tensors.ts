/**
 * Any model of KServe's inference service over gRPC. Inputs that it needs are made, of the datatypes and shapes that the server says; extra
 * inputs of the names of inputs are these, all others parameters of the request. Of an answer every response with outputs is a chunk, and
 * no output is text.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, SessionPlace, TurnInput } from "../endpoint.ts";
import type { EventMeaning } from "../event-stream.ts";
import { callShape, inferMessage, noMeaning, type Outputs, type Parameter, parseCall } from "./call.ts";
import { type ModelTensors, tensorsOfModel } from "./model-tensors.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { batchOf, givenInput, madeInput, type TensorOptions, turnInput } from "./tensor-inputs.ts";
import type { VersionOptions } from "./versions.ts";

/** What endpoints of models that the server describes are told. */
export interface ModelOptions extends VersionOptions {
  readonly tensors?: TensorOptions;
  readonly requestParameters?: Readonly<Record<string, unknown>>;
  /** What the run's models are. Absent: it is not known yet, so that there are no requests. */
  readonly modelTensors?: readonly ModelTensors[];
}

export const usualTensors: TensorOptions = { shapes: new Map(), batchSize: 1, kind: "random", stringLength: 128, stringData: "" };

export function createTensorEndpoint({
  tensors = usualTensors,
  requestParameters = {},
  modelTensors = [],
  modelVersion = "",
}: ModelOptions = {}): Endpoint {
  return {
    ...callShape,
    name: "tensor",
    takes: ["tensors"],
    needsModelTensors: true,
    produces: "tensors",
    ofSession: (body, model, place) => (tensorsOfModel(modelTensors, model).hasSequences ? inSequence(body, place) : body),
    formatBody: (turn) => {
      const { model, isStreaming, extraInputs } = turn;
      const known = tensorsOfModel(modelTensors, model);
      const others = Object.entries(extraInputs).filter(([name]) => known.inputs.every((input) => input.name !== name));
      const parameters = parametersOf({ ...requestParameters, ...Object.fromEntries(others) });
      return inferMessage({ model, modelVersion, isStreaming, inputs: inputsOf(known, turn, tensors), parameters });
    },
    parse: (response) => {
      const reader = createReader(tensors.batchSize);
      const parsed = parseCall(response, reader.read);
      return reader.outputs === undefined ? parsed : { ...parsed, tensors: [...reader.outputs.values()] };
    },
  };
}

function inputsOf(model: ModelTensors, turn: TurnInput, options: TensorOptions): Tensor[] {
  const { extraInputs, random, tensors = [] } = turn;
  const batch = batchOf(model, options.batchSize);
  refuseStray(model, [...options.shapes.keys()], "--shape");
  refuseStray(
    model,
    tensors.map(({ name }) => name),
    "the dataset",
  );
  const own = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return model.inputs.flatMap((input) => {
    const { name, isOptional } = input;
    const given = own.get(name);
    if (given !== undefined) return [turnInput(input, batch, given)];
    if (Object.hasOwn(extraInputs, name)) return [givenInput(input, batch, extraInputs[name], options.shapes)];
    if (isOptional && !options.shapes.has(name)) return [];
    return [madeInput(input, batch, options, random?.(name))];
  });
}

/** Texts, truth values and numbers; what is none of these goes as its JSON. */
export function parametersOf(given: Readonly<Record<string, unknown>>): Record<string, Parameter> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const isPlain = typeof value === "string" || typeof value === "boolean" || typeof value === "number";
      return [name, isPlain ? value : JSON.stringify(value)];
    }),
  );
}

function refuseStray({ model, inputs }: ModelTensors, names: readonly string[], whose: string): void {
  const stray = names.find((name) => inputs.every((input) => input.name !== name));
  if (stray === undefined) return;
  const known = inputs.map(({ name }) => name).join(", ");
  throw new AssayError("invalid_argument", `model ${model} has no input ${stray}, which ${whose} names, it has ${known}`);
}

/** Fields of a message may come in any order and in pieces: what is put behind a request belongs to it. */
function inSequence(body: Uint8Array, { id, isFirst, isLast }: SessionPlace): Uint8Array {
  const place = { sequence_id: id, sequence_start: isFirst, sequence_end: isLast };
  const more = inferMessage({ model: "", inputs: [], isStreaming: false, parameters: place });
  const whole = new Uint8Array(body.length + more.length);
  whole.set(body);
  whole.set(more, body.length);
  return whole;
}

interface OutputsReader {
  readonly read: (outputs: Outputs) => EventMeaning;
  /** Of the last response that has any. */
  readonly outputs: Outputs | undefined;
}

/** The inferences are counted once, however many responses there are. */
function createReader(batchSize: number): OutputsReader {
  const reader: { read: OutputsReader["read"]; outputs: Outputs | undefined } = {
    outputs: undefined,
    read: (outputs) => {
      const count = reader.outputs === undefined ? { outputCount: batchSize } : {};
      reader.outputs = outputs;
      return { ...noMeaning, hasOtherContent: true, ...count };
    },
  };
  return reader;
}
