/** Reading the inputs of models of text. Pure. */
import { decodeElements, textsOf } from "../../endpoints/kserve/tensor/elements.ts";
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import { maxTokensOfAnswer } from "../options/table.ts";
import { textOfValue } from "../text/ascii-json.ts";
import type { ModelFault } from "./model.ts";

type Inputs = ReadonlyMap<string, Tensor>;

/** The texts of an input; none where it is not given. */
export function textsIn(inputs: Inputs, name: string): string[] {
  const tensor = inputs.get(name);
  return tensor === undefined ? [] : textsOf(tensor.raw);
}

/** The first element of an input of truth values; `undefined` where it is not given. */
export function flagIn(inputs: Inputs, name: string): boolean | undefined {
  const first = inputs.get(name)?.raw[0];
  return first === undefined ? undefined : first !== 0;
}

/** The first element of an input of integers; `undefined` where it is not given. */
export function integerIn(inputs: Inputs, name: string): number | undefined {
  const tensor = inputs.get(name);
  if (tensor === undefined) return undefined;
  const [first] = decodeElements(tensor.datatype, tensor.raw);
  return first === undefined ? undefined : Number(first);
}

/** An asked length as it is, or what is wrong with it. */
export function lengthOf(name: string, asked: unknown, longest = maxTokensOfAnswer): number | ModelFault {
  const length = typeof asked === "string" ? Number(asked) : asked;
  if (typeof length === "number" && Number.isInteger(length) && length >= 1 && length <= longest) return length;
  return { says: `${name} must be an integer from 1 to ${longest}, got ${textOfValue(asked)}` };
}
