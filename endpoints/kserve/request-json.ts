/**
 * A request of KServe's inference service as people read it: the JSON that the same request has over REST (KServe v2), with the name and the
 * version of its model, which REST has in the path. Bounded: of a long tensor the first elements are there, and how many are not
 * (`cut_elements`). Pure.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "../../gen/inference/inference_service_pb.js";
import type { InferParameter } from "../../gen/inference/tensor_pb.js";
import { decodeText, type JsonObject } from "../json-body.ts";
import { bytesElements } from "./tensor/bytes.ts";
import { elementBytes } from "./tensor/datatypes.ts";
import { countElements, decodeElements } from "./tensor/elements.ts";
import { readTensors, type Tensor } from "./tensor/tensor.ts";

const maxElements = 256;
const maxTextBytes = 2048;

/** Undefined: it is no such request. Integers that JSON's numbers do not hold, and numbers that are not finite, are texts. */
export function requestJson(body: Uint8Array): JsonObject | undefined {
  try {
    const { modelName, modelVersion, id, parameters, inputs, outputs, rawInputContents } = fromBinary(
      ModelInferRequestSchema,
      body,
    );
    const given = Object.entries(parameters).map(([name, value]) => [name, parameterOf(value)] as const);
    return {
      model_name: modelName,
      ...(modelVersion === "" ? {} : { model_version: modelVersion }),
      ...(id === "" ? {} : { id }),
      ...(given.length === 0 ? {} : { parameters: Object.fromEntries(given) }),
      inputs: readTensors(inputs, rawInputContents).map(tensorJson),
      ...(outputs.length === 0 ? {} : { outputs: outputs.map(({ name }) => ({ name })) }),
    };
  } catch {
    return undefined; // whoever asks shows the bytes as they are
  }
}

function tensorJson({ name, datatype, shape, raw }: Tensor): JsonObject {
  const count = countElements(datatype, raw);
  const cut = count - maxElements;
  return { name, shape, datatype, data: firstElements(datatype, raw), ...(cut > 0 ? { cut_elements: cut } : {}) };
}

function firstElements(datatype: Tensor["datatype"], raw: Uint8Array): readonly unknown[] {
  if (datatype === "BYTES") return bytesElements(raw).slice(0, maxElements).map(textOfElement);
  const elements: readonly unknown[] = decodeElements(datatype, raw.subarray(0, maxElements * elementBytes[datatype]));
  return elements.map((value) => (typeof value === "bigint" ? integerOf(value) : finite(value)));
}

function textOfElement(element: Uint8Array): string {
  if (element.length <= maxTextBytes) return decodeText(element);
  return `${decodeText(element.subarray(0, maxTextBytes))}… (${element.length} bytes)`;
}

function parameterOf({ parameterChoice: { value } }: InferParameter): unknown {
  return typeof value === "bigint" ? integerOf(value) : finite(value);
}

function integerOf(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function finite(value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}
