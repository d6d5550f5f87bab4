/** The URLs of a RunSpec that the options of `assay run` make, of their own or over those of a file. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { RunOptions } from "./flags.ts";

/** Undefined: options say nothing of them. A weight without a URL is left out. */
export function urlsOf({ urls, urlWeights }: RunOptions, file: JsonObject): JsonObject[] | undefined {
  if (urls === undefined && urlWeights === undefined) return undefined;
  const chosen: readonly JsonObject[] = urls?.map((url) => ({ url })) ?? fileUrls(file);
  return chosen.map((url, index) => {
    const weight = urlWeights?.[index];
    return weight === undefined ? url : { ...url, weight };
  });
}

/** What is wrong with the number of weights for the URLs that there are; undefined: nothing. */
export function weightsProblem({ urls, urlWeights }: RunOptions, file: JsonObject): string | undefined {
  const count = urls?.length ?? fileUrls(file).length;
  if (urlWeights === undefined || urlWeights.length === count) return undefined;
  return `expected a weight for each of the ${count} URLs, got ${urlWeights.length}`;
}

function fileUrls({ target }: JsonObject): readonly JsonObject[] {
  const { urls } = (target ?? {}) as JsonObject;
  return (urls ?? []) as readonly JsonObject[];
}
