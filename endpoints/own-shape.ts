/** What the fixed parts of a user's own endpoint must be. Pure. */
import type { Endpoint, Ingredient, Product } from "./endpoint.ts";
import { isJsonObject, type JsonObject } from "./json-body.ts";

/** Everything of an endpoint that is no function. */
export type EndpointShape = Omit<
  Endpoint,
  | "name"
  | "needs"
  | "reservedInputs"
  | "needsModelTensors"
  | "asksNoLength"
  | "hasVersions"
  | "protocol"
  | "formatBody"
  | "bodyJson"
  | "ofSession"
  | "next"
  | "parse"
>;

const ingredients: readonly Ingredient[] = ["text", "texts", "ranking", "image", "audio", "video"];
const products: readonly Product[] = ["text", "embeddings", "ranking", "images", "video", "audio", "data"];

interface Rule {
  readonly expected: string;
  readonly isGood: (value: unknown) => boolean;
}

const path: Rule = {
  expected: "a text that begins with /",
  isGood: (value) => typeof value === "string" && value.startsWith("/"),
};
const absent = (value: unknown): boolean => value === undefined;

const rules: Readonly<Record<keyof Required<EndpointShape>, Rule>> = {
  path,
  streamPath: { ...path, isGood: (value) => absent(value) || path.isGood(value) },
  canStream: { expected: "true or false", isGood: (value) => typeof value === "boolean" },
  contentType: { expected: "the value of a header", isGood: (value) => absent(value) || isHeaderValue(value) },
  headers: {
    expected: "names in lower case with their values",
    isGood: (value) => absent(value) || (isJsonObject(value) && Object.entries(value).every(isHeader)),
  },
  keyHeader: {
    expected: "authorization or x-api-key",
    isGood: (value) => absent(value) || value === "authorization" || value === "x-api-key",
  },
  takes: {
    expected: `a list of ${ingredients.join(", ")}`,
    isGood: (value) => absent(value) || (Array.isArray(value) && value.length > 0 && value.every(isOneOf(ingredients))),
  },
  produces: { expected: products.join(" or "), isGood: (value) => absent(value) || isOneOf(products)(value) },
};

/** What keeps an object from being an endpoint, its functions aside; undefined: nothing does. */
export function shapeProblem(made: JsonObject): string | undefined {
  for (const [key, { expected, isGood }] of Object.entries(rules)) {
    if (!isGood(made[key])) return `${key} must be ${expected}, got ${JSON.stringify(made[key])}`;
  }
  return undefined;
}

/** The fixed parts alone. Where they do not say what turns it takes it takes all, and what it gives is text. */
export function shapeOf(made: Omit<EndpointShape, "takes" | "produces"> & Partial<EndpointShape>): EndpointShape {
  const { path: own, streamPath, canStream, contentType, headers, keyHeader, takes = ingredients, produces = "text" } = made;
  return {
    path: own,
    canStream,
    takes: [...takes],
    produces,
    ...(streamPath === undefined ? {} : { streamPath }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(keyHeader === undefined ? {} : { keyHeader }),
  };
}

function isOneOf(words: readonly string[]): (value: unknown) => boolean {
  return (value) => words.some((word) => word === value);
}

function isHeader([name, value]: [string, unknown]): boolean {
  return /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && isHeaderValue(value);
}

function isHeaderValue(value: unknown): boolean {
  return typeof value === "string" && /^[\t\x20-\x7e]+$/.test(value);
}
