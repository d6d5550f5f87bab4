/** What models of KServe's inference service take and give, out of what a server says of them. Pure. */
import type { ModelConfigResponse, ModelMetadataResponse } from "../../gen/inference/inference_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { type Shape, shownShape } from "./tensor/shape.ts";

/** One tensor of a model. */
export interface TensorInfo {
  readonly name: string;
  /** As the server writes it. */
  readonly datatype: string;
  /** Without a batch dimension; -1: any size. */
  readonly shape: Shape;
  /** A request may leave it out. */
  readonly isOptional: boolean;
}

export interface ModelTensors {
  readonly model: string;
  /** Above 0, every tensor has a batch dimension in front. */
  readonly maxBatchSize: number;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Its requests are of sequences, which it has to be told of. */
  readonly hasSequences: boolean;
}

/** @param config undefined: the server says none, so that its tensors have no batch dimension and all inputs are needed */
export function modelTensorsOf(
  model: string,
  { inputs, outputs }: ModelMetadataResponse,
  config: ModelConfigResponse["config"],
): ModelTensors {
  const maxBatchSize = Math.max(0, config?.maxBatchSize ?? 0);
  const optional = new Set(config?.input.filter((input) => input.optional).map(({ name }) => name));
  const infoOf = ({ name, datatype, shape }: ModelMetadataResponse["inputs"][number]): TensorInfo => ({
    name,
    datatype,
    shape: shape.slice(maxBatchSize > 0 ? 1 : 0).map(Number),
    isOptional: optional.has(name),
  });
  const hasSequences = config?.sequenceBatching !== undefined;
  return { model, maxBatchSize, inputs: inputs.map(infoOf), outputs: outputs.map(infoOf), hasSequences };
}

/** The model of that name. Throws `invalid_argument` where nobody has asked what it takes. */
export function tensorsOfModel(models: readonly ModelTensors[], name: string): ModelTensors {
  const found = models.find(({ model }) => model === name);
  if (found !== undefined) return found;
  throw new AssayError("invalid_argument", `what tensors model ${name} takes is not known: only a run asks its target`);
}

/** `INPUT0 FP32 [-1,4], INPUT1 BYTES [1]`. */
export function shownTensors(tensors: readonly TensorInfo[]): string {
  return tensors.length === 0 ? "none" : tensors.map(shownTensor).join(", ");
}

/** `INPUT0 FP32 [-1,4]`. */
export function shownTensor({ name, datatype, shape }: TensorInfo): string {
  return `${name} ${datatype} ${shownShape(shape)}`;
}
