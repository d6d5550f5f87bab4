/** Fields of a body under those that a user gives. Pure. */
import { isJsonObject, type JsonObject } from "./json-body.ts";

/** `own` under `given`, shallowly; the object of the field `nested` is merged one level deeper, so that one of its fields can be given alone. */
export function mergedUnder(own: JsonObject, given: JsonObject, nested: string): JsonObject {
  const both = { ...own, ...given };
  const [ours, theirs] = [own[nested], given[nested]];
  return isJsonObject(ours) && isJsonObject(theirs) ? { ...both, [nested]: { ...ours, ...theirs } } : both;
}
