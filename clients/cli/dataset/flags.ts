/** Options of `assay dataset …`. */
import type { FlagTable, OptionsOf } from "../flags/flag.ts";
import { mediaFlags } from "../flags/media.ts";
import { healthFlags, runFlags } from "../flags.ts";
import { placeFlags } from "./places.ts";

export const datasetShowFlags = {
  models: { ...runFlags.models, doc: "model that the requests ask for (default: model)" },
  modelVersion: runFlags.modelVersion,
  endpointType: runFlags.endpointType,
  endpointPath: runFlags.endpointPath,
  streaming: runFlags.streaming,
  datasetType: runFlags.datasetType,
  onBadRow: runFlags.onBadRow,
  entries: { ...runFlags.entries, doc: "conversations to make, or the first of the file alone (default 100, all of a file)" },
  osl: { ...runFlags.osl, doc: "mean output length to ask for where a row names none (default: the model decides)" },
  oslStddev: runFlags.oslStddev,
  oslDistribution: runFlags.oslDistribution,
  isl: runFlags.isl,
  islStddev: runFlags.islStddev,
  islDistribution: runFlags.islDistribution,
  lengthMix: runFlags.lengthMix,
  promptCorpus: runFlags.promptCorpus,
  prefixCount: runFlags.prefixCount,
  prefixTokens: runFlags.prefixTokens,
  sharedSystemTokens: runFlags.sharedSystemTokens,
  userContextTokens: runFlags.userContextTokens,
  turnsMean: runFlags.turnsMean,
  turnsStddev: runFlags.turnsStddev,
  textBatchSize: runFlags.textBatchSize,
  ...mediaFlags,
  tokenizer: {
    ...runFlags.tokenizer,
    doc: "what input lengths are counted by, as in assay run; none: nothing (default o200k_base)",
  },
  randomSeed: { ...runFlags.randomSeed, doc: "seed of what is drawn (default 0)" },
  extraInputs: runFlags.extraInputs,
  useLegacyMaxTokens: runFlags.useLegacyMaxTokens,
  endpointModule: runFlags.endpointModule,
  requests: {
    flag: "--requests",
    kind: { is: "integer", min: 0, max: 1000 },
    value: "N",
    group: "Output",
    doc: "show the first N requests (default 2)",
  },
  ...placeFlags,
  json: { ...runFlags.json, doc: "what was seen as JSON on stdout instead" },
  ...healthFlags,
  controller: { ...runFlags.controller, doc: "ask the dataset service of this suite (assay serve), on whose host the file is" },
} as const satisfies FlagTable;

export type DatasetShowOptions = OptionsOf<typeof datasetShowFlags>;
