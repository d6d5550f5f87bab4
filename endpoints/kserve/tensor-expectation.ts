/** What a dataset expects of the outputs of a model, held against what the model says that it gives. Pure. */
import { messageOf } from "../../services/common/errors.ts";
import { type ModelTensors, shownTensors, type TensorInfo } from "./model-tensors.ts";
import { type GivenTensor, rawOfGiven } from "./tensor/given.ts";
import { matchesShape, type Shape, shownShape } from "./tensor/shape.ts";
import { datatypeOf } from "./tensor-inputs.ts";

/** The first that no output can be, and what there is; undefined: all of them may come. */
export function expectationProblem(expected: readonly GivenTensor[], { model, outputs }: ModelTensors): string | undefined {
  for (const tensor of expected) {
    const output = outputs.find(({ name }) => name === tensor.name);
    const problem =
      output === undefined ? `model ${model} has no output ${tensor.name}, which is expected` : mismatch(tensor, output);
    if (problem !== undefined) return `${problem}; model ${model} gives ${shownTensors(outputs)}`;
  }
  return undefined;
}

function mismatch(expected: GivenTensor, output: TensorInfo): string | undefined {
  const { name, shape } = expected;
  if (shape.length > 0 && !endsAs(output.shape, shape)) {
    return `expected output ${name}: shape must be ${shownShape(output.shape)}, got ${shownShape(shape)}`;
  }
  try {
    rawOfGiven(expected, datatypeOf(output));
    return undefined;
  } catch (error) {
    return `expected output ${name}: ${messageOf(error)}`;
  }
}

/** What is expected may leave the first sizes out, or have that of a batch in front. */
function endsAs(offered: Shape, wanted: Shape): boolean {
  const known = Math.min(offered.length, wanted.length);
  const open = offered.slice(offered.length - known);
  return known === 0 || matchesShape(wanted.slice(wanted.length - known), open);
}
