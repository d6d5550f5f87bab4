/** The endpoint that a spec asks for, with what the spec tells it. */
import { builtInEndpoints, type EndpointCatalog, type EndpointOptions } from "../../endpoints/catalog.ts";
import type { Endpoint } from "../../endpoints/endpoint.ts";
import { type JsonObject, textOf } from "../../endpoints/json-body.ts";
import { type ReasoningTags, reasoningTagModes } from "../../endpoints/reasoning-tags.ts";
import type { EndpointSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "./errors.ts";
import { readModelTensors, tensorOptions, textTensorsOf } from "./model-tensors-wire.ts";

export type EndpointChoice = Pick<
  EndpointSpec,
  | "type"
  | "extraInputs"
  | "template"
  | "omitStreamOptions"
  | "useLegacyMaxTokens"
  | "downloadVideoContent"
  | "reasoningTags"
  | "tensors"
  | "modelTensors"
  | "modelVersion"
>;

/**
 * @param given undefined: chat
 * @param endpoints default: the built-in ones
 * @throws `invalid_argument` for an endpoint that the controller refuses
 */
export function endpointOf(given: EndpointChoice | undefined, endpoints: EndpointCatalog = builtInEndpoints): Endpoint {
  const type = given === undefined || given.type === "" ? "chat" : given.type;
  const endpoint = endpoints.create(type, given === undefined ? {} : endpointOptions(given));
  if (endpoint === undefined) throw new AssayError("invalid_argument", `there is no endpoint ${type}`);
  return endpoint;
}

/** What an endpoint is told. Of `template` and `raw` it may stand among the extra inputs, as AIPerf has it. */
export function endpointOptions(given: EndpointChoice): Required<EndpointOptions> {
  const { omitStreamOptions, useLegacyMaxTokens, downloadVideoContent, reasoningTags, template, extraInputs = {} } = given;
  const { tensors, modelTensors, modelVersion } = given;
  const { payload_template: body, response_field: field } = isUnknownApi(given) ? extraInputs : {};
  return {
    includeUsage: !omitStreamOptions,
    useLegacyMaxTokens,
    downloadVideoContent,
    reasoningTags: reasoningTagsNamed(reasoningTags),
    template: textOf(template?.body) ?? textOf(body) ?? "",
    responseField: textOf(template?.responseField) ?? textOf(field) ?? "",
    tensors: tensorOptions(tensors),
    textTensors: textTensorsOf(tensors),
    requestParameters: tensors?.requestParameters ?? {},
    modelTensors: modelTensors.map(readModelTensors),
    modelVersion,
  };
}

/** Undefined for what is no mode; the controller refuses such a spec. */
export function reasoningTagsNamed(name: string): ReasoningTags | undefined {
  return reasoningTagModes.find((mode) => mode === name);
}

/** The extra inputs that go into bodies. */
export function inputsOfBodies(given: EndpointChoice | undefined): JsonObject {
  const { extraInputs = {} } = given ?? {};
  if (given === undefined || !isUnknownApi(given)) return extraInputs;
  const { payload_template: _, response_field: _field, ...rest } = extraInputs;
  return rest;
}

function isUnknownApi({ type }: EndpointChoice): boolean {
  return type === "template" || type === "raw";
}
