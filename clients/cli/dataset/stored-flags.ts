/** Options of `assay dataset list` and `assay dataset delete`. */
import type { FlagTable } from "../flags/flag.ts";
import { healthFlags, runFlags } from "../flags.ts";
import { cacheFlags } from "./places.ts";

const suiteFlags = {
  ...cacheFlags,
  ...healthFlags,
  controller: { ...runFlags.controller, doc: "ask this suite (assay serve) instead of the cache of this machine" },
} as const satisfies FlagTable;

export const datasetListFlags = {
  json: { ...runFlags.json, doc: "a JSON array of datasets" },
  ...suiteFlags,
} as const satisfies FlagTable;

export const datasetDeleteFlags = {
  all: {
    flag: "--all",
    kind: { is: "switch" },
    group: "Output",
    doc: "all that are not in use",
  },
  quiet: { ...runFlags.quiet, doc: "say nothing of what was removed" },
  ...suiteFlags,
} as const satisfies FlagTable;
