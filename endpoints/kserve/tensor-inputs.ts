/** The inputs of a request to any model: each of the datatype and the shape that the model says, of what the turn, the run or nobody has for it. */
import { AssayError } from "../../services/common/errors.ts";
import type { RandomStream } from "../../services/common/random.ts";
import type { ModelTensors, TensorInfo } from "./model-tensors.ts";
import { shownTensor } from "./model-tensors.ts";
import { type Datatype, datatypes, isDatatype } from "./tensor/datatypes.ts";
import { countElements, type ElementInput } from "./tensor/elements.ts";
import { type GivenTensor, rawOfGiven, repeated, shapeOfGiven } from "./tensor/given.ts";
import { type MadeData, makeContents } from "./tensor/made.ts";
import { elementCount, matchesShape, type Shape, shownShape } from "./tensor/shape.ts";
import { inTensor, type Tensor, tensorOf } from "./tensor/tensor.ts";

/** What a run says of its tensors. */
export interface TensorOptions extends MadeData {
  /** Of inputs whose model leaves sizes open. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly batchSize: number;
}

/** The sizes in front of those of a tensor. Throws `invalid_argument` for a batch that the model does not take. */
export function batchOf({ model, maxBatchSize }: ModelTensors, batchSize: number): Shape {
  if (maxBatchSize === 0 && batchSize > 1) {
    throw new AssayError("invalid_argument", `model ${model} has no batch dimension, and --batch-size is ${batchSize}`);
  }
  if (maxBatchSize > 0 && batchSize > maxBatchSize) {
    throw new AssayError("invalid_argument", `model ${model} takes ${maxBatchSize} in a batch, and --batch-size is ${batchSize}`);
  }
  return maxBatchSize > 0 ? [batchSize] : [];
}

/** An input for which nobody has data. @param random undefined: zeros */
export function madeInput(input: TensorInfo, batch: Shape, options: TensorOptions, random: RandomStream | undefined): Tensor {
  const datatype = datatypeOf(input);
  const shape = [...batch, ...wholeShape(input, options.shapes)];
  return { name: input.name, datatype, shape, raw: makeContents(datatype, elementCount(shape), options, random) };
}

/**
 * An input of a value or a list of values, of whatever depth, the same for each of a batch. Of a shape with one open size this is what
 * there are elements for. Throws `invalid_argument` for what does not fit the input.
 */
export function givenInput(input: TensorInfo, batch: Shape, value: unknown, shapes: TensorOptions["shapes"]): Tensor {
  const { name } = input;
  const datatype = datatypeOf(input);
  const values = flat(value).map((one) => elementOf(datatype, one));
  const shape = shapes.has(name) ? wholeShape(input, shapes) : closedShape(input, values.length);
  const repeats = elementCount(batch);
  return tensorOf(name, datatype, [...batch, ...shape], Array.from({ length: repeats }, () => values).flat());
}

/** An input that the turn has, the same for each of a batch. Throws `invalid_argument` for what does not fit the input. */
export function turnInput(input: TensorInfo, batch: Shape, given: GivenTensor): Tensor {
  const { name } = input;
  const datatype = datatypeOf(input);
  return inTensor(name, () => {
    const one = rawOfGiven(given, datatype);
    const shape = shapeOfGiven(given, datatype, one, input.shape);
    const [wanted, got] = [elementCount(shape), countElements(datatype, one)];
    if (wanted !== got) {
      throw new AssayError("invalid_argument", `shape ${shownShape(shape)} needs ${wanted} elements, got ${got}`);
    }
    return { name, datatype, shape: [...batch, ...shape], raw: repeated(one, elementCount(batch)) };
  });
}

/** The datatype that the model says, where it is one of KServe's. */
export function datatypeOf({ name, datatype }: TensorInfo): Datatype {
  if (isDatatype(datatype)) return datatype;
  throw new AssayError("invalid_argument", `tensor ${name} is of ${datatype}, which is none of ${datatypes.join(", ")}`);
}

function wholeShape(input: TensorInfo, shapes: TensorOptions["shapes"]): Shape {
  const given = shapes.get(input.name);
  if (given === undefined) {
    if (!input.shape.includes(-1)) return input.shape;
    const sizes = input.shape.map((size) => (size === -1 ? "N" : size)).join(",");
    throw new AssayError(
      "invalid_argument",
      `the model leaves sizes of ${shownTensor(input)} open: add --shape ${input.name}:${sizes}`,
    );
  }
  if (matchesShape(given, input.shape)) return given;
  throw new AssayError("invalid_argument", `the model has ${shownTensor(input)}, and --shape says ${shownShape(given)}`);
}

/** The shape of so many elements. */
function closedShape(input: TensorInfo, count: number): Shape {
  const { shape } = input;
  const open = shape.indexOf(-1);
  if (open < 0 || shape.lastIndexOf(-1) !== open) return wholeShape(input, new Map());
  const known = elementCount(shape.filter((size) => size !== -1));
  // What cannot be is said by the count of elements.
  return shape.with(open, known === 0 ? 0 : Math.floor(count / known));
}

function flat(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

/** Texts stand for integers that JSON's numbers do not hold; what else is no text goes into BYTES as its JSON. */
function elementOf(datatype: Datatype, value: unknown): ElementInput {
  if (datatype === "BYTES") return typeof value === "string" ? value : JSON.stringify(value);
  if ((datatype === "INT64" || datatype === "UINT64") && typeof value === "string" && /^-?\d{1,20}$/.test(value)) {
    return BigInt(value);
  }
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return value;
  return JSON.stringify(value);
}
