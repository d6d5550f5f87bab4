/** What the server says of its models. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Datatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import type { ModelConfigResponseSchema, ModelMetadataResponseSchema } from "../../gen/inference/inference_service_pb.js";
import { DataType } from "../../gen/inference/model_pb.js";
import type { TensorSpec } from "../models/model.ts";
import { type DeployedModel, modelVersion } from "./deployed-model.ts";

/** Shapes with the batch dimension where there is one. */
export function metadataOf({ name, kind }: DeployedModel): MessageInitShape<typeof ModelMetadataResponseSchema> {
  const { maxBatchSize, platform, backend } = kind;
  const tensorOf = ({ name, datatype, dims }: TensorSpec) => ({
    name,
    datatype,
    shape: (maxBatchSize > 0 ? [-1, ...dims] : dims).map(BigInt),
  });
  return {
    name,
    versions: [modelVersion],
    platform: platform === "" ? backend : platform,
    inputs: kind.inputs.map(tensorOf),
    outputs: kind.outputs.map(tensorOf),
  };
}

/** Shapes without the batch dimension. */
export function configOf({ name, kind }: DeployedModel): MessageInitShape<typeof ModelConfigResponseSchema> {
  const { maxBatchSize, platform, backend, isDecoupled } = kind;
  return {
    config: {
      name,
      platform,
      backend,
      maxBatchSize,
      input: kind.inputs.map(({ name, datatype, dims, isOptional }) => ({
        name,
        dataType: dataTypes[datatype],
        dims: dims.map(BigInt),
        optional: isOptional ?? false,
      })),
      output: kind.outputs.map(({ name, datatype, dims }) => ({ name, dataType: dataTypes[datatype], dims: dims.map(BigInt) })),
      ...(isDecoupled ? { modelTransactionPolicy: { decoupled: true } } : {}),
    },
  };
}

const dataTypes: Readonly<Record<Datatype, DataType>> = {
  BOOL: DataType.TYPE_BOOL,
  UINT8: DataType.TYPE_UINT8,
  UINT16: DataType.TYPE_UINT16,
  UINT32: DataType.TYPE_UINT32,
  UINT64: DataType.TYPE_UINT64,
  INT8: DataType.TYPE_INT8,
  INT16: DataType.TYPE_INT16,
  INT32: DataType.TYPE_INT32,
  INT64: DataType.TYPE_INT64,
  FP16: DataType.TYPE_FP16,
  FP32: DataType.TYPE_FP32,
  FP64: DataType.TYPE_FP64,
  BYTES: DataType.TYPE_STRING,
  BF16: DataType.TYPE_BF16,
};
