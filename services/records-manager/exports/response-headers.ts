/** The headers of an answer as `run.db` has them: one JSON object, names in lower case. Pure. */
import { isJsonObject, parseJson } from "../../../endpoints/json-body.ts";

/** A header that came several times has its values with commas between them; undefined: none are kept. */
export function parsedHeaders(text: string | undefined): Readonly<Record<string, string>> | undefined {
  const headers = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(headers)) return undefined;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]));
}

/** Empty: none came. */
export function contentTypeOf(headers: Readonly<Record<string, string>> | undefined): string {
  return headers?.["content-type"] ?? "";
}
