/** The list of models of a target: `GET /v1/models`. */
import { decodeText, isJsonObject, parseJson, textOf } from "../json-body.ts";

/**
 * Names in a body, in its order; undefined where it is no list of models. OpenAI's form is `{"data":[{"id"}]}`; Ollama and
 * llama.cpp's own form is `{"models":[{"name"}]}`, and some proxies send the list alone.
 */
export function readModelNames(body: Uint8Array): string[] | undefined {
  const value = parseJson(decodeText(body));
  const lists = isJsonObject(value) ? [value.data, value.models] : [value];
  const list = lists.find(Array.isArray);
  return list?.flatMap((entry: unknown) => nameOf(entry) ?? []);
}

function nameOf(entry: unknown): string | undefined {
  if (!isJsonObject(entry)) return textOf(entry);
  return textOf(entry.id) ?? textOf(entry.name) ?? textOf(entry.model);
}
