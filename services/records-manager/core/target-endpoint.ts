/** Where the requests of a run went, from the spec (proto JSON) that its file keeps. Pure. */
import { createEndpoint } from "../../../endpoints/catalog.ts";
import { requestPathOf } from "../../../endpoints/endpoint.ts";
import { isJsonObject, parseJson, textOf } from "../../../endpoints/json-body.ts";
import { originOf, parseBaseUrl, pathBelow, shownUrl } from "../../../endpoints/target-url.ts";

/** The targets' names, in their order; empty where the spec does not tell. */
export function targetLabels(spec: string): string[] {
  const value = parseJson(spec);
  if (!isJsonObject(value) || !isJsonObject(value.target) || !Array.isArray(value.target.urls)) return [];
  return value.target.urls.map((url: unknown) => (isJsonObject(url) ? (textOf(url.label) ?? textOf(url.url) ?? "") : ""));
}

/** Scheme, host, port and path that requests to a target by index were sent to; empty where the spec does not tell. */
export function targetEndpoint(spec: string, target: number): string {
  const value = parseJson(spec);
  if (!isJsonObject(value) || !isJsonObject(value.target) || !Array.isArray(value.target.urls)) return "";
  const url: unknown = value.target.urls[target];
  const base = isJsonObject(url) ? parseBaseUrl(textOf(url.url) ?? "") : undefined;
  const endpoint = isJsonObject(value.endpoint) ? value.endpoint : {};
  const known = createEndpoint(textOf(endpoint.type) ?? "", { modelVersion: textOf(endpoint.modelVersion) ?? "" });
  const own = textOf(endpoint.path) ?? (known && requestPathOf(known, endpoint.streaming === true));
  if (base === undefined) return "";
  return own === undefined ? originOf(base) : shownUrl(base, pathBelow(base, own));
}
