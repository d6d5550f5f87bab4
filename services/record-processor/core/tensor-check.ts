/** Holds outputs that are tensors against what is expected of them: every element, as the output's own datatype has it. Pure. */
import { fromBinary } from "@bufbuild/protobuf";
import type { Datatype } from "../../../endpoints/kserve/tensor/datatypes.ts";
import { countElements, decodeElements, textsOf } from "../../../endpoints/kserve/tensor/elements.ts";
import { type GivenTensor, rawOfGiven, repeated } from "../../../endpoints/kserve/tensor/given.ts";
import { matchesShape, shownShape } from "../../../endpoints/kserve/tensor/shape.ts";
import type { Tensor } from "../../../endpoints/kserve/tensor/tensor.ts";
import { cutMessage } from "../../../endpoints/target-error.ts";
import { ExpectationSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { messageOf } from "../../common/errors.ts";
import type { CheckOutcome } from "../../common/metric-record.ts";
import { readTurnTensor } from "../../common/turn-tensors.ts";

/**
 * Undefined: nothing is expected. Of a batch each has to be what is expected of one.
 * @param expectation an `Expectation` of the dataset's as bytes; undefined: there is none
 */
export function checkTensors(outputs: readonly Tensor[], expectation: Uint8Array | undefined): CheckOutcome | undefined {
  if (expectation === undefined) return undefined;
  for (const expected of fromBinary(ExpectationSchema, expectation).tensors.map(readTurnTensor)) {
    const output = outputs.find(({ name }) => name === expected.name);
    const reason = output === undefined ? `there is no output ${expected.name}` : mismatch(expected, output);
    if (reason === undefined) continue;
    const answer = output === undefined ? "" : cutMessage(JSON.stringify(valuesOf(output.datatype, output.raw)));
    return { isCorrect: false, reason, answer };
  }
  return { isCorrect: true, reason: "", answer: "" };
}

/** Undefined: they are the same. */
function mismatch(expected: GivenTensor, { name, datatype, shape, raw }: Tensor): string | undefined {
  const isShape = expected.shape.length === 0 || matchesShape(shape.slice(-expected.shape.length), expected.shape);
  if (!isShape) return `${name} is of the shape ${shownShape(shape)}, not ${shownShape(expected.shape)}`;
  try {
    const one = rawOfGiven(expected, datatype);
    const times = one.length === 0 ? 1 : Math.max(1, raw.length / one.length);
    const wanted = Number.isInteger(times) ? repeated(one, times) : one;
    if (isSame(raw, wanted)) return undefined;
    return difference(name, valuesOf(datatype, raw), valuesOf(datatype, wanted));
  } catch (error) {
    return `what is expected of ${name} is not of ${datatype}: ${messageOf(error)}`;
  }
}

function difference(name: string, got: readonly string[], wanted: readonly string[]): string {
  if (got.length !== wanted.length) return `${name} has ${got.length} elements, not ${wanted.length}`;
  const at = got.findIndex((value, index) => value !== wanted[index]);
  return at < 0 ? `${name} differs in bits of its elements` : `element ${at} of ${name} is ${got[at]}, not ${wanted[at]}`;
}

function valuesOf(datatype: Datatype, raw: Uint8Array): readonly string[] {
  if (datatype === "BYTES") return textsOf(raw).map((text) => JSON.stringify(text));
  return countElements(datatype, raw) === 0 ? [] : [...decodeElements(datatype, raw)].map(String);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
