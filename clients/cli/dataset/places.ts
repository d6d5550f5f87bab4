/** Where the dataset service of one's own suite keeps and finds datasets, and how large they may be, as the command line says it. Pure. */
import { resolve } from "node:path";
import type { GivenOptions } from "../asked.ts";
import type { Flag, FlagTable, OptionsOf } from "../flags/flag.ts";
import { requestsFlags } from "../flags/requests.ts";

export const cacheFlags = {
  datasetCacheDir: requestsFlags.datasetCacheDir,
  datasetCacheBytes: requestsFlags.datasetCacheBytes,
} as const satisfies FlagTable;

export const placeFlags = {
  ...cacheFlags,
  datasetDir: requestsFlags.datasetDir,
  maxDatasetBytes: requestsFlags.maxDatasetBytes,
  publicDatasetUrl: requestsFlags.publicDatasetUrl,
} as const satisfies FlagTable;

/** As the dataset service is configured; what is absent has its default. */
export interface DatasetPlaces {
  /** Absolute; empty: nowhere. */
  readonly cacheDir?: string;
  readonly cacheBytes?: number;
  /** Absolute. */
  readonly publicDir?: string;
  readonly publicUrl?: string;
  readonly maxFileBytes?: number;
}

/** Paths are relative to `cwd`, the folder in which the command was started. */
export function placesOf(
  { datasetCacheDir: cache, datasetCacheBytes, datasetDir, maxDatasetBytes, publicDatasetUrl }: OptionsOf<typeof placeFlags>,
  cwd: string,
): DatasetPlaces {
  return {
    ...(cache === undefined ? {} : { cacheDir: cache === "" ? "" : resolve(cwd, cache) }),
    ...(datasetCacheBytes === undefined ? {} : { cacheBytes: datasetCacheBytes }),
    ...(datasetDir === undefined ? {} : { publicDir: resolve(cwd, datasetDir) }),
    ...(publicDatasetUrl === undefined ? {} : { publicUrl: publicDatasetUrl }),
    ...(maxDatasetBytes === undefined ? {} : { maxFileBytes: maxDatasetBytes }),
  };
}

/** A suite elsewhere has places of its own. What the environment says for other commands is no mistake. */
export function problemsOfPlaces({ options, origins }: GivenOptions<typeof placeFlags>): string[] {
  const { publicDatasetUrl: url = "" } = options;
  const isUrl = url === "" || /^https?:\/\/[^/]/.test(url);
  if (!isUrl) return [`${placeFlags.publicDatasetUrl.flag} ${url}: expected an http or https URL, or an empty text`];
  if (!origins.has("controller")) return [];
  return Object.entries<Flag>(placeFlags)
    .filter(([name]) => origins.get(name) === "argument")
    .map(([, { flag }]) => `${flag}: not together with --controller: assay serve takes it, on the suite's host`);
}
