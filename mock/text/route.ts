/** Requests whose path, form or nesting says what others say at the top of their JSON. Pure. */
import { isObject } from "./ascii-json.ts";
import type { MockEndpoint, RequestJson } from "./endpoint.ts";

/** What is at a path. */
export interface MockRoute {
  /** By the request, where a path has several APIs. */
  endpointOf(json: RequestJson): MockEndpoint;
  /** The request with model, stream and length at its top. Absent: they are there. */
  adapt?(json: RequestJson): RequestJson;
}

/** A path with one API. */
export function routeTo(endpoint: MockEndpoint, adapt?: MockRoute["adapt"]): MockRoute {
  return { endpointOf: () => endpoint, ...(adapt === undefined ? {} : { adapt }) };
}

/** A field of an object in a field; undefined where there is none. */
export function nested(json: RequestJson, field: string, name: string): unknown {
  const inner = json[field];
  return isObject(inner) ? inner[name] : undefined;
}
