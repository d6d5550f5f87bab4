/**
 * The options of every command: tables from which the command line and the environment are read, help, completions, manual and
 * reference are written, the RunSpec is filled and the controller's complaints are named. Spellings are AIPerf's where AIPerf has the
 * option. No defaults: the controller applies them, and the texts here only tell of them.
 */
import type { FlagKind, FlagValue } from "./flag-kinds.ts";

export interface Flag {
  /** The spelling shown. */
  readonly flag: string;
  readonly aliases?: readonly string[];
  readonly kind: FlagKind;
  /** What stands for the value in `--help`; absent: a switch. */
  readonly value?: string;
  /**
   * Where the value goes in a RunSpec, by names of the proto without indices: it is written to the first, and complaints about any
   * of them, or about what is below, are about this flag. Absent: it concerns the command line alone. What is below `phases` is
   * written by `phasesOf`, since several flags make one load.
   */
  readonly paths?: readonly [string, ...string[]] | undefined;
  /** Not repeated in any message. */
  readonly isSecret?: true;
  /** What a shell offers for the value, beside the choices of the kind. */
  readonly completes?: "file" | "folder";
  readonly group: FlagGroup;
  /** One sentence with the unit and the default. */
  readonly doc: string;
}

/** Headings of `--help`, in their order. */
export const flagGroups = ["Target", "Load", "Requests", "Workers and telemetry", "Output", "Suite", "Configuration"] as const;

export type FlagGroup = (typeof flagGroups)[number];

/** Flags by the name of the option that they give. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** What a command line gave; absent = not given. */
export type OptionsOf<T extends FlagTable> = { readonly [K in keyof T]?: FlagValue<T[K]["kind"]> };

const uint32 = 4_294_967_295;
/** No bound that anybody meets. */
export const many = Number.MAX_SAFE_INTEGER;

const count = { is: "integer", min: 1, max: many } as const;
const tokens = { is: "number", min: 1, max: 10_000_000 } as const;
const fromZero = { is: "number", min: 0, max: Number.POSITIVE_INFINITY } as const;
const aboveZero = { is: "number", min: 0, max: Number.POSITIVE_INFINITY, isAbove: true } as const;

export const runFlags = {
  models: {
    flag: "--model",
    aliases: ["-m", "--model-names"],
    kind: { is: "names" },
    value: "NAME",
    paths: ["models"],
    group: "Target",
    doc: "model to ask for; repeatable, or with commas",
  },
  modelSelection: {
    flag: "--model-selection-strategy",
    kind: { is: "choice", of: ["round_robin", "random", "weighted"], wirePrefix: "MODEL_SELECTION_" },
    value: "STRATEGY",
    paths: ["model_selection"],
    group: "Target",
    doc: "how a prompt gets one of several models: round_robin, random or weighted (default round_robin)",
  },
  modelWeights: {
    flag: "--model-weights",
    kind: { is: "numbers" },
    value: "WEIGHT",
    paths: ["model_weights"],
    group: "Target",
    doc: "shares of the models in their order, with commas, for the weighted strategy",
  },
  urls: {
    flag: "--url",
    aliases: ["-u"],
    kind: { is: "urls" },
    value: "URL",
    paths: ["target.urls"],
    group: "Target",
    doc: "base URL of the server; repeat for several (default http://localhost:8000)",
  },
  endpointType: {
    flag: "--endpoint-type",
    kind: { is: "text" },
    value: "TYPE",
    paths: ["endpoint.type"],
    group: "Target",
    doc: "shape of the server's API: chat or completions (default chat)",
  },
  endpointPath: {
    flag: "--endpoint",
    aliases: ["--custom-endpoint"],
    kind: { is: "text" },
    value: "PATH",
    paths: ["endpoint.path"],
    group: "Target",
    doc: "path instead of the endpoint type's own",
  },
  streaming: {
    flag: "--streaming",
    kind: { is: "switch", negation: "--no-streaming" },
    paths: ["endpoint.streaming"],
    group: "Target",
    doc: "ask for streamed answers; TTFT and ITL need it (default off)",
  },
  apiKey: {
    flag: "--api-key",
    kind: { is: "text" },
    value: "KEY",
    paths: ["target.api_key"],
    isSecret: true,
    group: "Target",
    doc: "sent as Authorization: Bearer KEY",
  },
  headers: {
    flag: "--header",
    aliases: ["-H"],
    kind: { is: "headers" },
    value: "NAME:VALUE",
    paths: ["target.headers"],
    isSecret: true,
    group: "Target",
    doc: "header of every request, also as a JSON object; repeatable",
  },
  requestTimeoutSec: {
    flag: "--request-timeout-seconds",
    kind: aboveZero,
    value: "SEC",
    paths: ["target.request_timeout_sec"],
    group: "Target",
    doc: "limit for one request, connecting included (default 21600)",
  },
  noProbe: {
    flag: "--no-probe",
    kind: { is: "switch" },
    paths: ["target.no_probe"],
    group: "Target",
    doc: "do not ask the server before the run whether it is there and has the model",
  },
  waitForModelTimeoutSec: {
    flag: "--wait-for-model-timeout",
    kind: fromZero,
    value: "SEC",
    paths: ["target.wait_for_model.timeout_sec"],
    group: "Target",
    doc: "wait so long for the model before the run (default 0: not at all)",
  },
  waitForModelMode: {
    flag: "--wait-for-model-mode",
    kind: { is: "choice", of: ["models", "inference", "both"] },
    value: "MODE",
    paths: ["target.wait_for_model.mode"],
    group: "Target",
    doc: "wait until it is listed (models), answers a request for one token (inference), or both (default inference)",
  },
  waitForModelIntervalSec: {
    flag: "--wait-for-model-interval",
    kind: aboveZero,
    value: "SEC",
    paths: ["target.wait_for_model.interval_sec"],
    group: "Target",
    doc: "between two tries while waiting for the model (default 5)",
  },
  mock: {
    flag: "--mock",
    kind: { is: "switch" },
    group: "Target",
    doc: "start the built-in server and measure it: streaming, 100 requests, 8 at once, ISL 128, OSL 32 where you say nothing else",
  },

  concurrency: {
    flag: "--concurrency",
    kind: { is: "integer", min: 1, max: uint32 },
    value: "N",
    paths: ["phases.concurrency.limit", "phases.rate.concurrency_ceiling"],
    group: "Load",
    doc: "requests at once (default 1 without a rate); beside a rate: its ceiling",
  },
  requestRate: {
    flag: "--request-rate",
    kind: aboveZero,
    value: "PER_SEC",
    paths: ["phases.rate.rate_per_sec"],
    group: "Load",
    doc: "requests per second, whatever the answers do",
  },
  arrivalPattern: {
    flag: "--arrival-pattern",
    aliases: ["--request-rate-mode"],
    kind: { is: "choice", of: ["constant", "poisson"] },
    value: "PATTERN",
    paths: ["phases.rate.pattern"],
    group: "Load",
    doc: "constant or poisson (default poisson)",
  },
  requestCount: {
    flag: "--request-count",
    aliases: ["--num-requests"],
    kind: count,
    value: "N",
    paths: ["phases.stop.request_count"],
    group: "Load",
    doc: "requests to send (default max(10, 2 · concurrency), without a duration)",
  },
  durationSec: {
    flag: "--benchmark-duration",
    kind: aboveZero,
    value: "SEC",
    paths: ["phases.stop.duration_sec"],
    group: "Load",
    doc: "send for so many seconds; with a count, what comes first ends it",
  },
  graceSec: {
    flag: "--benchmark-grace-period",
    kind: fromZero,
    value: "SEC",
    paths: ["phases.grace_sec"],
    group: "Load",
    doc: "wait so long for answers after the duration (default 30)",
  },
  warmupRequestCount: {
    flag: "--warmup-request-count",
    aliases: ["--num-warmup-requests"],
    kind: count,
    value: "N",
    group: "Load",
    doc: "unmeasured requests under the same load before the measured ones (default none)",
  },

  isl: {
    flag: "--isl",
    aliases: ["--prompt-input-tokens-mean", "--synthetic-input-tokens-mean"],
    kind: tokens,
    value: "TOKENS",
    paths: ["dataset.synthetic.input_tokens.mean"],
    group: "Requests",
    doc: "mean input length (default 550)",
  },
  islStddev: {
    flag: "--isl-stddev",
    aliases: ["--prompt-input-tokens-stddev", "--synthetic-input-tokens-stddev"],
    kind: fromZero,
    value: "TOKENS",
    paths: ["dataset.synthetic.input_tokens.stddev"],
    group: "Requests",
    doc: "its standard deviation (default 0)",
  },
  osl: {
    flag: "--osl",
    aliases: ["--prompt-output-tokens-mean", "--output-tokens-mean"],
    kind: tokens,
    value: "TOKENS",
    paths: ["dataset.synthetic.output_tokens.mean", "dataset.file.output_tokens.mean"],
    group: "Requests",
    doc: "mean output length to ask for, where a row of a file names none (default: the model decides)",
  },
  oslStddev: {
    flag: "--osl-stddev",
    aliases: ["--prompt-output-tokens-stddev", "--output-tokens-stddev"],
    kind: fromZero,
    value: "TOKENS",
    paths: ["dataset.synthetic.output_tokens.stddev", "dataset.file.output_tokens.stddev"],
    group: "Requests",
    doc: "its standard deviation (default 0)",
  },
  entries: {
    flag: "--num-dataset-entries",
    aliases: ["--num-prompts"],
    kind: count,
    value: "N",
    paths: ["dataset.entries"],
    group: "Requests",
    doc: "distinct prompts, used again in turn; of a file its first rows (default 100, all of a file)",
  },
  inputFile: {
    flag: "--input-file",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    paths: ["dataset.file.path"],
    group: "Requests",
    doc: "prompts from a JSONL file instead of synthetic ones",
  },
  datasetType: {
    flag: "--custom-dataset-type",
    kind: { is: "text" },
    value: "TYPE",
    paths: ["dataset.file.format"],
    group: "Requests",
    doc: "format of the file: single_turn (default: found from its first row)",
  },
  onBadRow: {
    flag: "--on-bad-row",
    kind: { is: "choice", of: ["fail", "skip"] },
    value: "WHAT",
    paths: ["dataset.file.on_bad_row"],
    group: "Requests",
    doc: "fail: a row that cannot be used is an error; skip: it is left out and counted (default fail)",
  },
  sampling: {
    flag: "--dataset-sampling-strategy",
    kind: { is: "choice", of: ["sequential", "random", "shuffle"], wirePrefix: "SAMPLING_" },
    value: "STRATEGY",
    paths: ["dataset.sampling"],
    group: "Requests",
    doc: "order of the prompts: sequential, random (with replacement) or shuffle (default sequential)",
  },
  tokenizer: {
    flag: "--tokenizer",
    kind: { is: "text" },
    value: "NAME",
    completes: "file",
    paths: ["tokenizer.name"],
    group: "Requests",
    doc: "what prompts are cut and tokens counted by: an OpenAI encoding, the path of a tokenizer.json or its folder, npm:PACKAGE, or none (default o200k_base)",
  },
  useServerTokenCount: {
    flag: "--use-server-token-count",
    kind: { is: "switch" },
    paths: ["endpoint.use_server_token_count"],
    group: "Requests",
    doc: "lengths are what the server's usage says, and nothing where it sends none",
  },
  randomSeed: {
    flag: "--random-seed",
    kind: { is: "uint64" },
    value: "N",
    paths: ["random_seed"],
    group: "Requests",
    doc: "seed of everything drawn (default: drawn, and stored with the run)",
  },
  extraInputs: {
    flag: "--extra-inputs",
    kind: { is: "inputs" },
    value: "KEY:VALUE",
    paths: ["endpoint.extra_inputs"],
    group: "Requests",
    doc: "put into every body, also as a JSON object; repeatable",
  },
  useLegacyMaxTokens: {
    flag: "--use-legacy-max-tokens",
    kind: { is: "switch" },
    paths: ["endpoint.use_legacy_max_tokens"],
    group: "Requests",
    doc: "write max_tokens instead of max_completion_tokens",
  },

  workersMax: {
    flag: "--workers-max",
    aliases: ["--max-workers"],
    kind: { is: "integer", min: 1, max: 1024 },
    value: "N",
    paths: ["workers.max_workers"],
    group: "Workers and telemetry",
    doc: "worker processes at most (default cores − 1, and no more than the load can use)",
  },
  gpuTelemetry: {
    flag: "--gpu-telemetry",
    kind: { is: "urls" },
    value: "URL",
    paths: ["telemetry.dcgm_urls"],
    group: "Workers and telemetry",
    doc: "pages of DCGM exporters; repeatable (default: ports 9400 and 9401 of this host are tried)",
  },
  noGpuTelemetry: {
    flag: "--no-gpu-telemetry",
    kind: { is: "switch" },
    paths: ["telemetry.disable_gpu"],
    group: "Workers and telemetry",
    doc: "scrape no GPU",
  },

  artifactDir: {
    flag: "--output-artifact-dir",
    aliases: ["--artifact-dir"],
    kind: { is: "text" },
    value: "DIR",
    completes: "folder",
    paths: ["output.artifact_dir"],
    group: "Output",
    doc: "folder of this run's files (default artifacts/<model>-<endpoint>-<load>)",
  },
  exportLevel: {
    flag: "--export-level",
    aliases: ["--profile-export-level"],
    kind: { is: "choice", of: ["summary", "records", "raw"] },
    value: "LEVEL",
    paths: ["output.export_level"],
    group: "Output",
    doc: "summary: no file of records; raw: run.db keeps every answer as it came (default records)",
  },
  exportPrefix: {
    flag: "--profile-export-prefix",
    aliases: ["--profile-export-file"],
    kind: { is: "text" },
    value: "NAME",
    paths: ["output.export_prefix"],
    group: "Output",
    doc: "begins the names of the exported files: NAME.json, NAME.csv, NAME.jsonl, NAME_console.txt (default profile_export_aiperf.json, …)",
  },
  ui: {
    flag: "--ui",
    aliases: ["--ui-type"],
    kind: { is: "choice", of: ["none", "simple"] },
    value: "KIND",
    group: "Output",
    doc: "progress on stderr: none or simple (default simple)",
  },
  failedRequestThreshold: {
    flag: "--failed-request-threshold",
    kind: { is: "number", min: 0, max: 1 },
    value: "SHARE",
    group: "Output",
    doc: "exit with 4 when a larger share of the measured requests failed, from 0 to 1 (default: exit with 0, the errors are shown)",
  },
  requireValid: {
    flag: "--require-valid",
    kind: { is: "switch" },
    group: "Output",
    doc: "exit with 3 when the verdict on the client is not valid",
  },
  json: { flag: "--json", kind: { is: "switch" }, group: "Output", doc: "the summary as JSON on stdout instead of tables" },
  quiet: { flag: "--quiet", kind: { is: "switch" }, group: "Output", doc: "nothing but results and errors" },
  logLevel: {
    flag: "--log-level",
    kind: { is: "choice", of: ["debug", "info", "warn", "error"] },
    value: "LEVEL",
    group: "Output",
    doc: "debug, info, warn or error, for the log of the local suite (default info)",
  },
  logFile: {
    flag: "--log-file",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Output",
    doc: "where the local suite logs (default: shown only if one of its processes dies)",
  },
  verbose: {
    flag: "--verbose",
    aliases: ["-v", "-vv"],
    kind: { is: "switch" },
    group: "Output",
    doc: "log level debug, the log of the local suite and every event of the run on stderr",
  },

  controller: {
    flag: "--controller",
    kind: { is: "address" },
    value: "HOST:PORT",
    group: "Suite",
    doc: "run on this suite (assay serve) instead of starting one",
  },
  tokenFile: {
    flag: "--token-file",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "file with the suite's token (default $ASSAY_TOKEN, else the file that a local assay serve wrote)",
  },
  tls: {
    flag: "--tls",
    kind: { is: "switch" },
    group: "Suite",
    doc: "the suite speaks TLS with a certificate of a public authority",
  },
  tlsCa: {
    flag: "--tls-ca",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of the authority of the suite's certificate; it speaks TLS then",
  },
  tlsCert: {
    flag: "--tls-cert",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of a certificate of one's own, for a suite that asks for one",
  },
  tlsKey: {
    flag: "--tls-key",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Suite",
    doc: "PEM file of its key",
  },

  config: {
    flag: "--config",
    aliases: ["-f"],
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Configuration",
    doc: "YAML or JSON file with a RunSpec; environment, options and --set win over it",
  },
  settings: {
    flag: "--set",
    kind: { is: "settings" },
    value: "PATH=VALUE",
    group: "Configuration",
    doc: "one field of the RunSpec, as target.idle_timeout_sec=5 or phases[0].stop.duration_sec=60; repeatable, wins over all else",
  },
} as const satisfies FlagTable;

export type RunOptions = OptionsOf<typeof runFlags>;

export const healthFlags = {
  controller: { ...runFlags.controller, doc: "whom to ask" },
  tokenFile: runFlags.tokenFile,
  tls: runFlags.tls,
  tlsCa: runFlags.tlsCa,
  tlsCert: runFlags.tlsCert,
  tlsKey: runFlags.tlsKey,
} as const satisfies FlagTable;

/** `assay config show` takes the options of a run. */
export const configShowFlags = {
  ...runFlags,
  json: { ...runFlags.json, doc: "JSON instead of YAML" },
} as const satisfies FlagTable;
/** `assay send` takes what concerns one request. */
export const sendFlags = {
  models: { ...runFlags.models, doc: "model to ask for; of several the first" },
  urls: { ...runFlags.urls, doc: "base URL of the server; of several the first (default http://localhost:8000)" },
  endpointType: runFlags.endpointType,
  endpointPath: runFlags.endpointPath,
  streaming: runFlags.streaming,
  apiKey: runFlags.apiKey,
  headers: runFlags.headers,
  requestTimeoutSec: { ...runFlags.requestTimeoutSec, doc: "limit for the request, connecting included (default 60)" },
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
  useLegacyMaxTokens: runFlags.useLegacyMaxTokens,
  json: { ...runFlags.json, doc: "everything that was seen as JSON on stdout instead" },
  controller: { ...runFlags.controller, doc: "send from a worker of this suite (assay serve) instead of from here" },
  tokenFile: runFlags.tokenFile,
  tls: runFlags.tls,
  tlsCa: runFlags.tlsCa,
  tlsCert: runFlags.tlsCert,
  tlsKey: runFlags.tlsKey,
} as const satisfies FlagTable;

export type SendOptions = OptionsOf<typeof sendFlags>;
