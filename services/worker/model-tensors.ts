/** What a target says of a model's tensors, for a request outside any run: two calls that compute nothing. */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type ModelTensors, modelTensorsOf } from "../../endpoints/kserve/model-tensors.ts";
import {
  ModelConfigResponseSchema,
  ModelMetadataRequestSchema,
  ModelMetadataResponseSchema,
} from "../../gen/inference/inference_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { type Answer, askQuestion, type Place } from "./question.ts";

const service = "/inference.GRPCInferenceService";
const limitMs = 5_000;

/** Rejects with `failed_precondition` where the server does not say it. A server without `ModelConfig` has no batch dimensions. */
export async function askModelTensors(place: Place, model: string, signal: AbortSignal): Promise<ModelTensors> {
  const { type, modelVersion: version } = place.endpoint;
  // A question about a model is the same message for each of the calls.
  const message = Buffer.from(toBinary(ModelMetadataRequestSchema, create(ModelMetadataRequestSchema, { name: model, version })));
  const ask = (method: string): Promise<Answer> =>
    askQuestion({ method: "POST", path: `${service}/${method}`, message }, place, limitMs, signal);
  const metadata = await ask("ModelMetadata");
  const said = read(ModelMetadataResponseSchema, metadata);
  if (said === undefined) {
    const { url = "", error } = metadata;
    throw new AssayError("failed_precondition", `POST ${url}: ${error?.code}: ${error?.message?.replaceAll(/\s+/g, " ").trim()}`);
  }
  if (said.inputs.length === 0) {
    const why = `the server does not say what tensors model ${model} has, of which ${type} makes its requests`;
    throw new AssayError("failed_precondition", why);
  }
  return modelTensorsOf(model, said, read(ModelConfigResponseSchema, await ask("ModelConfig"))?.config);
}

/** Undefined: the call has failed. */
function read<T extends DescMessage>(schema: T, { error, message }: Answer): MessageShape<T> | undefined {
  return error === undefined && message !== undefined ? fromBinary(schema, message) : undefined;
}
