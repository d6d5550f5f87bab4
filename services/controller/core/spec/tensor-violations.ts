import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import type { Distribution, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import type { Demand } from "./demand.ts";

const maxStringLength = 1 << 20;

/** Fields that one of the two types has, and whether it is the one of text. */
const fields = [
  ["data", false],
  ["batchSize", false],
  ["stringLength", false],
  ["stringData", false],
  ["textInput", true],
  ["textOutput", true],
  ["lengthInput", true],
  ["streamInput", true],
] as const;

/** What is said of tensors, as far as it can be judged before the target has said what its models take. */
export function checkTensors(spec: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const { endpoint, target } = spec;
  const { type = "", tensors } = endpoint ?? {};
  const needsModels = endpoints.create(type)?.needsModelTensors === true;
  demand(
    !needsModels || target?.noProbe !== true,
    "target.no_probe",
    `must not be set: ${type} asks the target what its models take`,
  );
  if (type === "tensor") checkNoText(spec, demand);
  if (tensors === undefined) return;
  const { shapes, data, batchSize = 1, stringLength = 1, requestParameters = {} } = tensors;
  const isOwn = needsModels || Object.keys(requestParameters).length === 0;
  demand(isOwn, "endpoint.tensors.request_parameters", `are for the endpoint types tensor and kserve, got ${type}`);
  const hasShapes = Object.keys(shapes).length > 0;
  demand(!hasShapes || type === "tensor", "endpoint.tensors.shapes", `are for the endpoint type tensor, got ${type}`);
  for (const [field, isOfText] of fields) {
    const isGiven = tensors[field] !== undefined && tensors[field] !== "";
    const isOwn = !isGiven || type === (isOfText ? "kserve" : "tensor");
    demand(isOwn, `endpoint.tensors.${snake(field)}`, `is for the endpoint type ${isOfText ? "kserve" : "tensor"}, got ${type}`);
  }
  for (const [name, { sizes }] of Object.entries(shapes)) {
    const isShape = sizes.every((size) => size >= 0n && size <= BigInt(Number.MAX_SAFE_INTEGER));
    demand(isShape, `endpoint.tensors.shapes`, `sizes of ${name} must be at least 0, got ${sizes.join(",")}`);
  }
  demand(["", "random", "zero"].includes(data), "endpoint.tensors.data", `must be random or zero, got ${data}`);
  demand(batchSize >= 1, "endpoint.tensors.batch_size", `must be at least 1, got ${batchSize}`);
  const isLength = stringLength <= maxStringLength;
  demand(isLength, "endpoint.tensors.string_length", `must be at most ${maxStringLength}, got ${stringLength}`);
  for (const [name, value] of Object.entries(requestParameters)) {
    const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    demand(isPlain, "endpoint.tensors.request_parameters", `${name} must be a text, a number or a truth value`);
  }
}

/** What is asked of prompts and answers that are text has no effect on tensors. */
function checkNoText({ endpoint, dataset, tokenizer }: RunSpec, demand: Demand): void {
  const isUnset = (field: string, isGiven: boolean): void =>
    demand(!isGiven, field, "must not be given: endpoint tensor sends and gets tensors, which have no text");
  isUnset("endpoint.force_output_length", endpoint?.forceOutputLength !== "");
  isUnset("endpoint.reasoning_tags", endpoint?.reasoningTags !== "");
  isUnset("tokenizer.apply_chat_template", tokenizer?.applyChatTemplate === true);
  isUnset("dataset.cache_bust", !["", "none"].includes(dataset?.cacheBust ?? ""));
  const hasNoLength = (field: string, given: Distribution | undefined): void => {
    // By the part of it that options have names for.
    const part = given === undefined ? "" : given.mean > 0 ? ".mean" : given.stddev > 0 ? ".stddev" : "";
    isUnset(`${field}${part}`, given !== undefined);
  };
  if (dataset?.source.case === "file") hasNoLength("dataset.file.output_tokens", dataset.source.value.outputTokens);
  if (dataset?.source.case !== "synthetic") return;
  const { corpus, inputTokens, outputTokens, lengthMix, ...prefixes } = dataset.source.value;
  const at = "dataset.synthetic";
  hasNoLength(`${at}.input_tokens`, inputTokens);
  hasNoLength(`${at}.output_tokens`, outputTokens);
  isUnset(`${at}.length_mix`, lengthMix.length > 0);
  isUnset(`${at}.corpus`, corpus !== "prose");
  for (const field of ["prefixCount", "prefixTokens", "sharedSystemTokens", "userContextTokens"] as const) {
    isUnset(`${at}.${snake(field)}`, prefixes[field] > 0);
  }
}

/** Rows of tensors are for models of tensors, and no other rows are. */
export function checkTensorData({ endpoint, dataset }: RunSpec, { format }: DatasetInfo, demand: Demand): void {
  if (dataset?.source.case !== "file") return;
  const { type = "" } = endpoint ?? {};
  const hasTensors = format === "input_data";
  const isTensor = type === "tensor";
  const field = "dataset.file.format";
  demand(hasTensors || !isTensor, field, `must be input_data: endpoint tensor takes tensors, got rows of ${format}`);
  demand(!hasTensors || isTensor, field, `rows of input_data are tensors, which endpoint ${type} does not take`);
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
