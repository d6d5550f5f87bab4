/** Whether a request fits its model, in the order and in the words of Triton. Pure. */
import { countBytesElements } from "../../endpoints/kserve/tensor/bytes.ts";
import { foreignContents, rawOfContents } from "../../endpoints/kserve/tensor/contents.ts";
import { elementBytes, isDatatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import { matchesShape, shownShape } from "../../endpoints/kserve/tensor/shape.ts";
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import type { ModelInferRequest, ModelInferRequest_InferInputTensor } from "../../gen/inference/inference_service_pb.js";
import type { InferParameter } from "../../gen/inference/tensor_pb.js";
import { messageOf } from "../../services/common/errors.ts";
import { isModelFault, type ModelFault, type TensorSpec } from "../models/model.ts";
import type { DeployedModel } from "./deployed-model.ts";
import { type GrpcStatus, isStatus, status } from "./status.ts";

/** A request that fits its model. */
export interface FittingRequest {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly batch: number;
  /** Outputs that are asked for; `undefined`: all of them. */
  readonly outputs: ReadonlySet<string> | undefined;
  readonly wantsEmptyFinal: boolean;
}

const emptyFinal = "triton_enable_empty_final_response";
const reserved =
  "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: " +
  emptyFinal;
const batchNote =
  " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you" +
  " want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model" +
  " configuration docs for more info on max_batch_size.";

export function fitRequest(request: ModelInferRequest, model: DeployedModel): FittingRequest | GrpcStatus | ModelFault {
  const parameters = readParameters(request.parameters);
  if (isStatus(parameters)) return parameters;
  const names = new Set<string>();
  for (const { name } of request.inputs) {
    if (names.has(name)) return withId(request, `input '${name}' already exists in request`);
    names.add(name);
  }
  const raws = contentsOf(request, model.name);
  if (isStatus(raws)) return raws;
  const described = request.inputs.map((input, i) => ({ input, raw: raws[i] ?? new Uint8Array() }));
  const misfit = misfitOfNames(request, model);
  if (misfit !== undefined) return misfit;
  const inputs = new Map<string, Tensor>();
  let batch = 1;
  for (const { input, raw } of described) {
    const spec = model.kind.inputs.find(({ name }) => name === input.name);
    if (spec === undefined)
      return status("invalidArgument", `unexpected inference input '${input.name}' for model '${model.name}'`);
    const tensor = fitTensor(request, { input, raw, spec, model });
    if (isStatus(tensor) || isModelFault(tensor)) return tensor;
    const [size = 1] = model.kind.maxBatchSize > 0 ? tensor.shape : [1];
    if (inputs.size > 0 && size !== batch) {
      return withId(request, `input '${input.name}' batch size does not match other inputs for '${model.name}'`);
    }
    batch = size;
    inputs.set(input.name, tensor);
  }
  if (model.kind.maxBatchSize > 0 && batch > model.kind.maxBatchSize) {
    return withId(request, `inference request batch-size must be <= ${model.kind.maxBatchSize} for '${model.name}'`);
  }
  const outputs = request.outputs.length === 0 ? undefined : new Set(request.outputs.map(({ name }) => name));
  return { inputs, parameters: parameters.own, batch, outputs, wantsEmptyFinal: parameters.wantsEmptyFinal };
}

function readParameters(
  parameters: Readonly<Record<string, InferParameter>>,
): { own: Record<string, unknown>; wantsEmptyFinal: boolean } | GrpcStatus {
  const own: Record<string, unknown> = {};
  let wantsEmptyFinal = false;
  for (const [key, { parameterChoice: choice }] of Object.entries(parameters)) {
    if (key === emptyFinal) {
      if (choice.case !== "boolParam") return wrongParameter(key, "bool_param.");
      wantsEmptyFinal = choice.value;
    } else if (key.startsWith("triton_")) return status("invalidArgument", reserved);
    else if (key === "priority" && choice.case !== "int64Param" && choice.case !== "uint64Param") {
      return wrongParameter(key, "int64_param or uint64_param.");
    } else own[key] = typeof choice.value === "bigint" ? Number(choice.value) : choice.value;
  }
  return { own, wantsEmptyFinal };
}

function wrongParameter(key: string, expected: string): GrpcStatus {
  return status("invalidArgument", `invalid value type for '${key}' parameter, expected ${expected}`);
}

/** The raw contents of every input, whichever way they came. */
function contentsOf({ inputs, rawInputContents }: ModelInferRequest, model: string): Uint8Array[] | GrpcStatus {
  const raws: Uint8Array[] = [];
  for (const [i, { name, datatype, contents }] of inputs.entries()) {
    if (rawInputContents.length > 0 && contents !== undefined) {
      const what = "contents field must not be specified when using raw_input_contents";
      return status("invalidArgument", `${what} for '${name}' for model '${model}'`);
    }
    const raw = rawInputContents[i];
    if (raw !== undefined) {
      raws.push(raw);
      continue;
    }
    if (contents === undefined) {
      return status("invalidArgument", `unable to find data for input tensor '${name}' for model '${model}' in request.`);
    }
    if (!isDatatype(datatype)) {
      raws.push(new Uint8Array());
      continue;
    }
    const foreign = foreignContents(datatype, contents);
    if (foreign !== undefined) {
      const what = `unexpected explicit tensor data for input tensor '${name}' for model '${model}' of type '${foreign}'`;
      return status("invalidArgument", `${what}, expected datatype '${datatype}'`);
    }
    try {
      raws.push(rawOfContents(datatype, contents));
    } catch (error) {
      return status("invalidArgument", messageOf(error));
    }
  }
  return raws;
}

/** What is wrong with the names of inputs and outputs. */
function misfitOfNames(request: ModelInferRequest, { name: model, kind }: DeployedModel): GrpcStatus | undefined {
  const required = kind.inputs.filter(({ isOptional }) => isOptional !== true);
  const { length } = request.inputs;
  if (length < required.length || length > kind.inputs.length) {
    const given = new Set(request.inputs.map(({ name }) => name));
    const missing = required.filter(({ name }) => !given.has(name));
    const wanted =
      required.length === kind.inputs.length
        ? `${required.length} inputs`
        : `number of inputs between ${required.length} and ${kind.inputs.length}`;
    return withId(
      request,
      `expected ${wanted} but got ${length} inputs for model '${model}'. Got input(s) ${quoted([...given])}, but missing required` +
        ` input(s) ${quoted(missing.map(({ name }) => name))}. Please provide all required input(s).`,
    );
  }
  const unknown = request.outputs.find(({ name }) => !kind.outputs.some((output) => output.name === name));
  return unknown && status("invalidArgument", `unexpected inference output '${unknown.name}' for model '${model}'`);
}

interface DescribedInput {
  readonly input: ModelInferRequest_InferInputTensor;
  readonly raw: Uint8Array;
  readonly spec: TensorSpec;
  readonly model: DeployedModel;
}

function fitTensor(request: ModelInferRequest, { input, raw, spec, model }: DescribedInput): Tensor | GrpcStatus | ModelFault {
  const { name } = input;
  const { maxBatchSize } = model.kind;
  if (input.datatype !== spec.datatype) {
    const got = isDatatype(input.datatype) ? input.datatype : "<invalid>";
    return withId(
      request,
      `inference input '${name}' data-type is '${got}', but model '${model.name}' expects '${spec.datatype}'`,
    );
  }
  const shape = input.shape.map(Number);
  const expected = maxBatchSize > 0 ? [-1, ...spec.dims] : spec.dims;
  if (!matchesShape(shape, expected) || shape.some((size) => size < 0)) {
    const got = `Expected ${shownShape(expected)}, got ${shownShape(shape)}.${maxBatchSize > 0 ? batchNote : " "}`;
    return withId(request, `unexpected shape for input '${name}' for model '${model.name}'. ${got}`);
  }
  // An empty batch is taken for one of a single request, whose contents are then missing.
  const sizes = maxBatchSize > 0 ? [Math.max(1, shape[0] ?? 1), ...shape.slice(1)] : shape;
  const count = sizes.reduce((product, size) => product * size, 1);
  const misfit = spec.datatype === "BYTES" ? misfitOfBytes(raw, count) : undefined;
  if (misfit !== undefined) return misfit(request, name, model.name);
  const wantedBytes = count * elementBytes[spec.datatype];
  if (spec.datatype === "BYTES" || raw.length === wantedBytes) return { name, datatype: spec.datatype, shape: sizes, raw };
  return withId(
    request,
    `input byte size mismatch for input '${name}' for model '${model.name}'. Expected ${wantedBytes}, got ${raw.length}`,
  );
}

type Misfit = (request: ModelInferRequest, input: string, model: string) => GrpcStatus | ModelFault;

function misfitOfBytes(raw: Uint8Array, wanted: number): Misfit | undefined {
  const count = countBytesElements(raw);
  if (count === wanted) return undefined;
  if (typeof count !== "number") {
    const { where, wanted: bytes, available } = count;
    if (where === "length") {
      return (request, input, model) =>
        withId(
          request,
          `incomplete string length indicator for inference input '${input}' for model '${model}', expecting ${bytes} bytes but only` +
            ` ${available} bytes available. Please make sure the string length indicator is in one buffer.`,
        );
    }
    return (_request, input) => ({
      says: `incomplete string data for inference input '${input}', expecting string of length ${bytes} but only ${available} bytes available`,
      isInvalid: true,
    });
  }
  if (count > wanted) {
    return (request, input, model) =>
      withId(
        request,
        `unexpected number of string elements ${count} for inference input '${input}' for model '${model}', expecting ${wanted}`,
      );
  }
  return (request, input, model) =>
    withId(request, `expected ${wanted} string elements for inference input '${input}' for model '${model}', got ${count}`);
}

function withId({ id }: ModelInferRequest, message: string): GrpcStatus {
  return status("invalidArgument", `[request id: ${id === "" ? "<id_unknown>" : id}] ${message}`);
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(",")}]`;
}
