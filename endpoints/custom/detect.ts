/** What JSON of an unknown API says: vectors, a ranking or text, looked for in this order where servers have them. Pure. */
import { isJsonObject, type JsonObject, jsonTextOf, textOf } from "../json-body.ts";

/** Found content: text, or how many pieces of something else. */
export type Content = { readonly text: string } | { readonly pieces: number };

/** Undefined: nothing that is known. */
export function detectContent(value: unknown): Content | undefined {
  const vectors = countVectors(value);
  if (vectors > 0) return { pieces: vectors };
  const ranked = countRanked(value);
  if (ranked > 0) return { pieces: ranked };
  const text = findText(value, 0);
  return text === undefined ? undefined : { text };
}

/** What a value is that was found at a given place: there, texts of any name count, and everything else as its JSON. */
export function contentOf(value: unknown): Content | undefined {
  if (value === null || value === undefined || value === "" || value === false) return undefined;
  if (typeof value === "string") return { text: value };
  if (isVector(value)) return { pieces: 1 };
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined;
    if (value.every((one) => typeof one === "string")) return value.join("") === "" ? undefined : { text: value.join("") };
    if (value.every(isVector)) return { pieces: value.length };
  }
  if (isJsonObject(value) && Object.keys(value).length === 0) return undefined;
  return detectContent(value) ?? { text: jsonTextOf(value) };
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "number");
}

/** `data[].embedding`, `embeddings` as lists or by type (Cohere), `embedding`, or lists of numbers alone (TEI). */
function countVectors(value: unknown): number {
  if (Array.isArray(value)) return value.length > 0 && value.every(isVector) ? value.length : 0;
  if (!isJsonObject(value)) return 0;
  const { data, embeddings, embedding } = value;
  if (Array.isArray(data)) {
    const count = data.filter((one) => isJsonObject(one) && (isVector(one.embedding) || isBase64Vector(one))).length;
    if (count > 0) return count;
  }
  if (isJsonObject(embeddings)) return Math.max(0, ...Object.values(embeddings).filter(Array.isArray).map(countVectors));
  if (isVector(embedding) || isVector(embeddings)) return 1;
  return countVectors(Array.isArray(embeddings) ? embeddings : undefined);
}

function isBase64Vector({ object, embedding }: JsonObject): boolean {
  return object === "embedding" && textOf(embedding) !== undefined;
}

const scoreFields = ["relevance_score", "score", "logit"];

function countRanked(value: unknown): number {
  const list = isJsonObject(value) ? [value.rankings, value.results].find(Array.isArray) : value;
  if (!Array.isArray(list)) return 0;
  return list.filter((one) => isJsonObject(one) && scoreFields.some((field) => typeof one[field] === "number")).length;
}

const textFields = ["text", "content", "response", "output", "result", "generated_text", "text_output", "output_text", "answer"];
/** Where text may stand one level deeper. */
const holders = ["choices", "message", "delta", "outputs", ...textFields];
const maxDepth = 4;

function findText(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return depth === 0 ? undefined : textOf(value);
  if (depth > maxDepth) return undefined;
  // Of several choices the first counts, as everywhere.
  if (Array.isArray(value)) return findText(value[0], depth + 1);
  if (!isJsonObject(value)) return undefined;
  for (const field of textFields) {
    const text = textOf(value[field]);
    if (text !== undefined) return text;
  }
  for (const field of holders) {
    const deeper = typeof value[field] === "string" ? undefined : findText(value[field], depth + 1);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
