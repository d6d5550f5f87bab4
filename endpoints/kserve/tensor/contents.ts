/** Typed contents of tensors (`InferTensorContents`), made raw: what clients and KServe's own servers may send in their place. */
import type { InferTensorContents } from "../../../gen/inference/tensor_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import type { Datatype } from "./datatypes.ts";
import { type ElementInput, encodeElements } from "./elements.ts";

type ContentsField = Exclude<keyof InferTensorContents, `$${string}`>;

/** The field of each datatype; FP16 and BF16 have none. */
const fieldOf: Readonly<Partial<Record<Datatype, ContentsField>>> = {
  BOOL: "boolContents",
  UINT8: "uintContents",
  UINT16: "uintContents",
  UINT32: "uintContents",
  UINT64: "uint64Contents",
  INT8: "intContents",
  INT16: "intContents",
  INT32: "intContents",
  INT64: "int64Contents",
  FP32: "fp32Contents",
  FP64: "fp64Contents",
  BYTES: "bytesContents",
};

/** What each field holds, in the words of a datatype, for messages. */
const datatypeOfField: Readonly<Record<ContentsField, Datatype>> = {
  boolContents: "BOOL",
  intContents: "INT32",
  int64Contents: "INT64",
  uintContents: "UINT32",
  uint64Contents: "UINT64",
  fp32Contents: "FP32",
  fp64Contents: "FP64",
  bytesContents: "BYTES",
};

/** The datatype of a field with elements that are not for tensors of this datatype; `undefined`: there is none. */
export function foreignContents(datatype: Datatype, contents: InferTensorContents): Datatype | undefined {
  const own = fieldOf[datatype];
  const fields = Object.keys(datatypeOfField) as ContentsField[];
  const foreign = fields.find((field) => field !== own && contents[field].length > 0);
  return foreign && datatypeOfField[foreign];
}

export function hasElements(contents: InferTensorContents): boolean {
  return (Object.keys(datatypeOfField) as ContentsField[]).some((field) => contents[field].length > 0);
}

/** Raw contents of typed ones. Throws `invalid_argument` for elements in another datatype's field, and for those too large for theirs. */
export function rawOfContents(datatype: Datatype, contents: InferTensorContents): Uint8Array<ArrayBuffer> {
  const foreign = foreignContents(datatype, contents);
  if (foreign !== undefined) {
    throw new AssayError("invalid_argument", `typed contents of ${datatype} are in the field of ${foreign}`);
  }
  const field = fieldOf[datatype];
  const elements: readonly ElementInput[] = field === undefined ? [] : contents[field];
  return encodeElements(datatype, elements);
}
