/** Tensors of turns, as datasets have them and as endpoints take them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GivenTensor } from "../../endpoints/kserve/tensor/given.ts";
import type * as wire from "../../gen/assay/dataset/v1/dataset_pb.js";

export function readTurnTensor({ name, shape, contents }: wire.TurnTensor): GivenTensor {
  const values = contents.case === "raw" ? contents.value : (contents.value?.values ?? []);
  return { name, shape: shape.map(Number), contents: values };
}

export function writeTurnTensor({ name, shape, contents }: GivenTensor): MessageInitShape<typeof wire.TurnTensorSchema> {
  const sizes = shape.map(BigInt);
  if (contents instanceof Uint8Array) return { name, shape: sizes, contents: { case: "raw", value: contents } };
  const texts = contents.filter((value) => typeof value === "string");
  if (texts.length > 0) return { name, shape: sizes, contents: { case: "texts", value: { values: texts } } };
  return { name, shape: sizes, contents: { case: "numbers", value: { values: contents.map(Number) } } };
}
