/** Tensors as they are worked with here, and how they stand in requests and responses. */
import type { InferTensorContents } from "../../../gen/inference/tensor_pb.js";
import { AssayError, messageOf } from "../../../services/common/errors.ts";
import { hasElements, rawOfContents } from "./contents.ts";
import { type Datatype, datatypes, isDatatype } from "./datatypes.ts";
import { countElements, type ElementInput, encodeElements } from "./elements.ts";
import { elementCount, type Shape, shownShape } from "./shape.ts";

/** A whole tensor. Its raw contents have as many elements as its shape says. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: Shape;
  readonly raw: Uint8Array;
}

/** A tensor as a message describes it (`InferInputTensor`, `InferOutputTensor`); its contents may be elsewhere. */
export interface DescribedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly bigint[];
  readonly contents?: InferTensorContents | undefined;
}

/** Makes a tensor of elements. Throws `invalid_argument` for elements that do not fit the datatype, or not in number the shape. */
export function tensorOf(name: string, datatype: Datatype, shape: Shape, elements: readonly ElementInput[]): Tensor {
  return inTensor(name, () => {
    const count = elementCount(shape);
    if (elements.length !== count) throw wrongCount(shape, count, elements.length);
    return { name, datatype, shape, raw: encodeElements(datatype, elements) };
  });
}

/**
 * The tensors of a message, whose contents are either typed, in the descriptions, or raw, one for each and in their order; without a copy
 * of raw ones. Throws `invalid_argument`, with the tensor's name, for everything that does not fit together.
 */
export function readTensors(described: readonly DescribedTensor[], rawContents: readonly Uint8Array[]): Tensor[] {
  if (rawContents.length > 0 && rawContents.length !== described.length) {
    throw new AssayError("invalid_argument", `${described.length} tensors have raw contents for ${rawContents.length}`);
  }
  return described.map((tensor, i) => inTensor(tensor.name, () => readTensor(tensor, rawContents[i])));
}

/** How messages of requests and responses take tensors: descriptions, and raw contents in their order. */
export function describeTensors(tensors: readonly Tensor[]): {
  described: { name: string; datatype: string; shape: bigint[] }[];
  rawContents: Uint8Array[];
} {
  const described = tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) }));
  return { described, rawContents: tensors.map(({ raw }) => raw) };
}

function readTensor({ name, datatype, shape: sizes, contents }: DescribedTensor, given: Uint8Array | undefined): Tensor {
  if (!isDatatype(datatype)) {
    throw new AssayError("invalid_argument", `datatype must be one of ${datatypes.join(", ")}, got ${datatype}`);
  }
  // MLServer has typed contents without elements beside raw ones.
  if (given !== undefined && contents !== undefined && hasElements(contents)) {
    throw new AssayError("invalid_argument", "contents must be typed or raw, got both");
  }
  const shape = sizes.map(Number);
  const count = elementCount(shape);
  const raw = given ?? (contents === undefined ? new Uint8Array() : rawOfContents(datatype, contents));
  const held = countElements(datatype, raw);
  if (held !== count) throw wrongCount(shape, count, held);
  return { name, datatype, shape, raw };
}

function wrongCount(shape: Shape, wanted: number, got: number): AssayError {
  return new AssayError("invalid_argument", `shape ${shownShape(shape)} needs ${wanted} elements, got ${got}`);
}

/** What `read` throws, with the name of the tensor before it. */
export function inTensor<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new AssayError("invalid_argument", `tensor ${name}: ${messageOf(error)}`, { cause: error });
  }
}
