/**
 * The options of every command: tables from which the command line and the environment are read, help, completions, manual and
 * reference are written, the RunSpec is filled and the controller's complaints are named. Spellings are AIPerf's where AIPerf has the
 * option. No defaults: the controller applies them, and the texts here only tell of them.
 */

import { configurationFlags } from "./flags/configuration.ts";
import { connectionFlags } from "./flags/connection.ts";
import type { FlagTable, OptionsOf } from "./flags/flag.ts";
import { loadFlags } from "./flags/load.ts";
import { mediaFlags } from "./flags/media.ts";
import { outputFlags } from "./flags/output.ts";
import { requestsFlags } from "./flags/requests.ts";
import { suiteFlags } from "./flags/suite.ts";
import { targetFlags } from "./flags/target.ts";
import { tensorsFlags } from "./flags/tensors.ts";
import { tracesFlags } from "./flags/traces.ts";
import { warmUpFlags } from "./flags/warm-up.ts";
import { workersFlags } from "./flags/workers.ts";

export const runFlags = {
  ...targetFlags,
  ...connectionFlags,
  ...loadFlags,
  ...warmUpFlags,
  ...requestsFlags,
  ...mediaFlags,
  ...tensorsFlags,
  ...tracesFlags,
  ...workersFlags,
  ...outputFlags,
  ...suiteFlags,
  ...configurationFlags,
} as const satisfies FlagTable;

export type RunOptions = OptionsOf<typeof runFlags>;

export const healthFlags = {
  ...suiteFlags,
  controller: { ...suiteFlags.controller, doc: "whom to ask" },
} as const satisfies FlagTable;

/** `assay config show` takes the options of a run. */
export const configShowFlags = {
  ...runFlags,
  json: { ...runFlags.json, doc: "JSON instead of YAML" },
} as const satisfies FlagTable;
export const doctorFlags = {
  json: { ...runFlags.json, doc: "the figures as JSON on stdout instead" },
} as const satisfies FlagTable;
/** `assay send` takes what concerns one request. */
export const sendFlags = {
  models: { ...runFlags.models, doc: "model to ask for; of several the first" },
  modelVersion: runFlags.modelVersion,
  urls: { ...runFlags.urls, doc: "base URL of the server; of several the first (default http://localhost:8000)" },
  endpointType: runFlags.endpointType,
  endpointPath: runFlags.endpointPath,
  streaming: runFlags.streaming,
  apiKey: runFlags.apiKey,
  headers: runFlags.headers,
  requestTimeoutSec: { ...runFlags.requestTimeoutSec, doc: "limit for the request, connecting included (default 60)" },
  transport: runFlags.transport,
  http2: runFlags.http2,
  connectTimeoutSec: runFlags.connectTimeoutSec,
  insecureSkipVerify: runFlags.insecureSkipVerify,
  targetCa: runFlags.targetCa,
  targetCert: runFlags.targetCert,
  targetKey: runFlags.targetKey,
  targetServerName: runFlags.targetServerName,
  proxyUrl: runFlags.proxyUrl,
  proxyCa: runFlags.proxyCa,
  prompt: {
    flag: "--prompt",
    kind: { is: "text" },
    value: "TEXT",
    group: "Requests",
    doc: "what to say; - reads standard input (default: a greeting)",
  },
  isl: { ...runFlags.isl, doc: "a synthetic prompt of so many tokens instead" },
  osl: { ...runFlags.osl, doc: "output length to ask for (default: the model decides)" },
  extraInputs: runFlags.extraInputs,
  textInputName: runFlags.textInputName,
  textOutputName: runFlags.textOutputName,
  lengthInputName: runFlags.lengthInputName,
  streamInputName: runFlags.streamInputName,
  shapes: runFlags.shapes,
  requestParameters: runFlags.requestParameters,
  useLegacyMaxTokens: runFlags.useLegacyMaxTokens,
  reasoningTags: runFlags.reasoningTags,
  json: { ...runFlags.json, doc: "everything that was seen as JSON on stdout instead" },
  ...suiteFlags,
  controller: { ...suiteFlags.controller, doc: "send from a worker of this suite (assay serve) instead of from here" },
} as const satisfies FlagTable;

export type SendOptions = OptionsOf<typeof sendFlags>;
