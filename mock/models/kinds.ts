/** The kinds of models, by the names that options give them. Pure. */
import { isDatatype } from "../../endpoints/kserve/tensor/datatypes.ts";
import type { ModelKind } from "./model.ts";
import { addSub, identityOf } from "./tensors.ts";
import { trtllm, trtllmUnary } from "./trtllm.ts";
import { vllm } from "./vllm.ts";

const kinds: Readonly<Record<string, ModelKind>> = {
  vllm,
  trtllm,
  "trtllm-unary": trtllmUnary,
  identity: identityOf("FP32"),
  "add-sub": addSub,
};

/** A model of every kind, as options spell them. */
export const usualModels: readonly string[] = [
  "vllm_model:vllm",
  "ensemble:trtllm",
  "ensemble_unary:trtllm-unary",
  "identity:identity",
  "identity_bytes:identity-bytes",
  "add_sub:add-sub",
];

/** Names of all kinds, for help and messages. */
export const modelKindNames: readonly string[] = [...Object.keys(kinds), "identity-DATATYPE"];

/** The kind of this name: `vllm`, `identity-bytes`. */
function modelKindOf(name: string): ModelKind | undefined {
  const datatype = /^identity-(\w+)$/.exec(name)?.[1]?.toUpperCase() ?? "";
  if (isDatatype(datatype)) return identityOf(datatype);
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

/** What `NAME:KIND` says; `undefined` where it is nothing of the kind. */
export function readModelOption(text: string): { readonly name: string; readonly kind: ModelKind } | undefined {
  const colon = text.lastIndexOf(":");
  const kind = modelKindOf(text.slice(colon + 1));
  return colon < 1 || kind === undefined ? undefined : { name: text.slice(0, colon), kind };
}
