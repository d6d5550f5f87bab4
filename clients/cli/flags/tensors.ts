import type { FlagTable } from "./flag.ts";

export const tensorsFlags = {
  shapes: {
    flag: "--shape",
    kind: { is: "shapes" },
    value: "NAME:SIZE,…",
    paths: ["endpoint.tensors.shapes"],
    group: "Tensors",
    doc: "sizes of an input whose model leaves some open, without the batch dimension; repeatable",
  },
  tensorData: {
    flag: "--input-data",
    kind: { is: "choice", of: ["random", "zero"] },
    value: "WHAT",
    paths: ["endpoint.tensors.data"],
    group: "Tensors",
    doc: "elements of made inputs: random (numbers from 0 to 1, integers from 0 to 127, letters and digits) or zero (default random)",
  },
  stringLength: {
    flag: "--string-length",
    kind: { is: "integer", min: 0, max: 1_048_576 },
    value: "N",
    paths: ["endpoint.tensors.string_length"],
    group: "Tensors",
    doc: "characters of a random text in an input of BYTES (default 128)",
  },
  stringData: {
    flag: "--string-data",
    kind: { is: "text" },
    value: "TEXT",
    paths: ["endpoint.tensors.string_data"],
    group: "Tensors",
    doc: "every element of inputs of BYTES, in place of random texts",
  },
  requestParameters: {
    flag: "--request-parameter",
    kind: { is: "parameters" },
    value: "NAME:VALUE:TYPE",
    paths: ["endpoint.tensors.request_parameters"],
    group: "Tensors",
    doc: "parameter of every request; TYPE is bool, int, double or string; repeatable",
  },
} as const satisfies FlagTable;
