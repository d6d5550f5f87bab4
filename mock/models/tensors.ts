/** Models of bare tensors, as Triton's examples have them. Pure. */
import type { Datatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import type { Tensor } from "../../endpoints/kserve/tensor/tensor.ts";
import type { ModelFault, ModelKind, ModelPlan } from "./model.ts";

const size = 4;

/** OUTPUT0 is INPUT0, of any length, without a batch dimension. */
export function identityOf(datatype: Datatype): ModelKind {
  return {
    platform: "",
    backend: "identity",
    maxBatchSize: 0,
    isDecoupled: false,
    endMark: "inLast",
    inputs: [{ name: "INPUT0", datatype, dims: [-1] }],
    outputs: [{ name: "OUTPUT0", datatype, dims: [-1] }],
    read: ({ inputs }) => {
      const input = inputs.get("INPUT0");
      return input === undefined ? missing("INPUT0") : wholePlan([{ ...input, name: "OUTPUT0" }]);
    },
  };
}

/** OUTPUT0 is the sum and OUTPUT1 the difference of INPUT0 and INPUT1, 4 numbers each, up to 8 in a batch. */
export const addSub: ModelKind = {
  platform: "",
  backend: "python",
  maxBatchSize: 8,
  isDecoupled: false,
  endMark: "inLast",
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "FP32", dims: [size] })),
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype: "FP32", dims: [size] })),
  read: ({ inputs }) => {
    const [left, right] = [inputs.get("INPUT0"), inputs.get("INPUT1")];
    if (left === undefined || right === undefined) return missing(left === undefined ? "INPUT0" : "INPUT1");
    return wholePlan([combined("OUTPUT0", left, right, 1), combined("OUTPUT1", left, right, -1)]);
  },
};

function combined(name: string, left: Tensor, right: Tensor, sign: number): Tensor {
  const raw = new Uint8Array(left.raw.length);
  const [a, b, sum] = [left.raw, right.raw, raw].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  for (let at = 0; at < raw.length; at += 4) {
    sum?.setFloat32(at, (a?.getFloat32(at, true) ?? 0) + sign * (b?.getFloat32(at, true) ?? 0), true);
  }
  return { ...left, name, raw };
}

/** An answer that is there at once, as long as one token where times are concerned. */
function wholePlan(outputs: Tensor[]): ModelPlan {
  return {
    isStreaming: false,
    choices: 1,
    tokens: 1,
    isData: true,
    finishReason: "stop",
    texts: [],
    promptTokens: 0,
    hasUsage: false,
    outputs: () => outputs,
  };
}

function missing(name: string): ModelFault {
  return { says: `${name} is missing` };
}
