/** What a RunSpec says of tensors, and of the models that they are for. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModelTensors, TensorInfo } from "../../endpoints/kserve/model-tensors.ts";
import type { TensorOptions } from "../../endpoints/kserve/tensor-inputs.ts";
import { usualTensors } from "../../endpoints/kserve/tensors.ts";
import type { TextTensors } from "../../endpoints/kserve/text-model.ts";
import type * as wire from "../../gen/assay/common/v1/run_spec_pb.js";

/** With its defaults. */
export function tensorOptions(given: wire.TensorsSpec | undefined): TensorOptions {
  const { shapes = {}, data = "", batchSize, stringLength, stringData = usualTensors.stringData } = given ?? {};
  return {
    shapes: new Map(Object.entries(shapes).map(([name, { sizes }]) => [name, sizes.map(Number)])),
    batchSize: batchSize ?? usualTensors.batchSize,
    kind: data === "zero" ? "zero" : "random",
    stringLength: stringLength ?? usualTensors.stringLength,
    stringData,
  };
}

export function textTensorsOf(given: wire.TensorsSpec | undefined): TextTensors {
  const { textInput = "", textOutput = "", lengthInput = "", streamInput = "" } = given ?? {};
  return { textInput, textOutput, lengthInput, streamInput };
}

export function readModelTensors({ model, maxBatchSize, inputs, outputs, hasSequences }: wire.ModelTensors): ModelTensors {
  return { model, maxBatchSize, inputs: inputs.map(readTensorInfo), outputs: outputs.map(readTensorInfo), hasSequences };
}

export function writeModelTensors({ model, maxBatchSize, inputs, outputs, hasSequences }: ModelTensors): ModelTensorsInit {
  return { model, maxBatchSize, inputs: inputs.map(writeTensorInfo), outputs: outputs.map(writeTensorInfo), hasSequences };
}

type ModelTensorsInit = MessageInitShape<typeof wire.ModelTensorsSchema>;

function readTensorInfo({ name, datatype, shape, isOptional }: wire.TensorInfo): TensorInfo {
  return { name, datatype, shape: shape.map(Number), isOptional };
}

function writeTensorInfo({ name, datatype, shape, isOptional }: TensorInfo) {
  return { name, datatype, shape: shape.map(BigInt), isOptional };
}
