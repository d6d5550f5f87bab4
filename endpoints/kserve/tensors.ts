/**
 * Any model of KServe's inference service over gRPC. Inputs that it needs are made, of the datatypes and shapes that the server says; extra
 * inputs of the names of inputs are these, all others parameters of the request. Of an answer every response with outputs is a chunk, and
 * no output is text.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import type { EventMeaning } from "../event-stream.ts";
import { callShape, inferMessage, noMeaning, type Outputs, type Parameter, parseCall } from "./call.ts";
import { type ModelTensors, tensorsOfModel } from "./model-tensors.ts";
import type { Tensor } from "./tensor/tensor.ts";
import { batchOf, givenInput, madeInput, type TensorOptions } from "./tensor-inputs.ts";

/** What endpoints of models that the server describes are told. */
export interface ModelOptions {
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
}: ModelOptions = {}): Endpoint {
  return {
    ...callShape,
    name: "tensor",
    takes: ["tensors"],
    needsModelTensors: true,
    produces: "tensors",
    formatBody: (turn) => {
      const { model, isStreaming, extraInputs } = turn;
      const known = tensorsOfModel(modelTensors, model);
      const others = Object.entries(extraInputs).filter(([name]) => known.inputs.every((input) => input.name !== name));
      const parameters = parametersOf({ ...requestParameters, ...Object.fromEntries(others) });
      return inferMessage({ model, isStreaming, inputs: inputsOf(known, turn, tensors), parameters });
    },
    parse: (response) => parseCall(response, createReader(tensors.batchSize)),
  };
}

function inputsOf(model: ModelTensors, { extraInputs, random }: TurnInput, options: TensorOptions): Tensor[] {
  const batch = batchOf(model, options.batchSize);
  const stray = [...options.shapes.keys()].find((name) => model.inputs.every((input) => input.name !== name));
  if (stray !== undefined) {
    const names = model.inputs.map(({ name }) => name).join(", ");
    throw new AssayError("invalid_argument", `model ${model.model} has no input ${stray}, which --shape names, it has ${names}`);
  }
  return model.inputs.flatMap((input) => {
    const { name, isOptional } = input;
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

/** The inferences are counted once, however many responses there are. */
function createReader(batchSize: number): (outputs: Outputs) => EventMeaning {
  let isCounted = false;
  return () => {
    const meaning = { ...noMeaning, hasOtherContent: true, ...(isCounted ? {} : { outputCount: batchSize }) };
    isCounted = true;
    return meaning;
  };
}
