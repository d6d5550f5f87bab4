/**
 * The commands of `assay`, with their options and operands: from this table the command line is read, and help, completions,
 * manual and reference page are written. `serve` and `mock` read their own tables (`services/manual.ts` joins all of them).
 */
import { aiperfOptions } from "./aiperf-options.ts";
import type { Execute, GivenOptions } from "./asked.ts";
import { certsFlags } from "./certs/flags.ts";
import { problemsOfCerts } from "./certs/requests.ts";
import { datasetShowFlags } from "./dataset/flags.ts";
import { problemsOfPlaces } from "./dataset/places.ts";
import { datasetDeleteFlags, datasetListFlags } from "./dataset/stored-flags.ts";
import { variableOf } from "./environment.ts";
import { type ExitCodeName, exitCodes, exitMeanings } from "./exit-codes.ts";
import type { Flag, FlagTable } from "./flags/flag.ts";
import { configShowFlags, doctorFlags, healthFlags, runFlags, sendFlags } from "./flags.ts";
import type { MissingOption } from "./parse.ts";
import { perfAnalyzerOptions } from "./perf-analyzer-options.ts";
import { problemsOfRun } from "./run-options.ts";
import { problemsOfExport } from "./runs/export-options.ts";
import {
  runsDeleteFlags,
  runsExportFlags,
  runsListFlags,
  runsRecordsFlags,
  runsShowFlags,
  runsSummaryFlags,
  runsTimelineFlags,
} from "./runs/flags.ts";
import { problemsOfFormat } from "./runs/output-format.ts";
import { problemsOfSummary } from "./runs/summary-options.ts";
import { problemsOfTimeline } from "./runs/timeline-options.ts";
import { problemsOfSend } from "./send-options.ts";
import { telemetryProbeFlags } from "./telemetry/flags.ts";
import { problemsOfCreate, problemsOfRevoke, tokenCreateFlags, tokenRevokeFlags } from "./token/flags.ts";
import { problemsOfWatch, watchFlags } from "./watch-options.ts";

export interface Operand {
  /** As shown: `RUN`. */
  readonly name: string;
  readonly isOptional?: true;
  /** As many as are given; the last operand only. */
  readonly isRepeated?: true;
  /** What a shell offers for it. */
  readonly completes?: "file" | "folder" | readonly string[];
}

export interface CommandRow<T extends FlagTable = FlagTable> {
  /** Words after `assay`: `runs show`. */
  readonly name: string;
  /** Other words for it. */
  readonly aliases?: readonly string[];
  readonly operands?: readonly Operand[];
  /** What it does, in one line without a full stop. */
  readonly summary: string;
  readonly flags: T;
  /** Options of other programs, by spelling. */
  readonly missing?: ReadonlyMap<string, MissingOption>;
  /** Said below the options, a paragraph each. */
  readonly notes?: readonly string[];
  /** Whole command lines. */
  readonly examples?: readonly string[];
  /** `0 done`, for every code that it may end with. */
  readonly exits: readonly string[];
  /** What is wrong between options, one line each. */
  readonly check?: (given: GivenOptions<T>) => readonly string[];
  /** Absent: whoever calls `runCli` carries it out. */
  readonly load?: () => Promise<Execute<T>>;
}

/** Returns its argument; ties the options of a command to what carries it out. */
function command<const T extends FlagTable, const R extends CommandRow<T>>(row: R & { readonly flags: T }): R {
  return row;
}

/** Texts of exit codes. */
const exits = {
  ofRuns: (Object.keys(exitCodes) as ExitCodeName[]).map((name) => `${exitCodes[name]} ${exitMeanings[name]}`),
  ofQuestions: [
    `${exitCodes.ok} done`,
    `${exitCodes.failed} failed`,
    `${exitCodes.usage} wrong options`,
    `${exitCodes.interrupted} stopped by Ctrl-C`,
  ],
  ofRunsAsked: [
    `${exitCodes.ok} done`,
    `${exitCodes.failed} failed`,
    `${exitCodes.usage} wrong options, or a filter, a field or a metric that there is not`,
    `${exitCodes.interrupted} stopped by Ctrl-C`,
  ],
} as const;

/** Of the programs whose users come here; what AIPerf has is said of AIPerf. */
const foreignOptions = new Map([...perfAnalyzerOptions, ...aiperfOptions]);
const run = { name: "RUN" } as const satisfies Operand;
const whichRun = "RUN is an id, the beginning of one, the folder of a run, or latest.";

/** By the name that code uses. In the order of help. */
export const commands = {
  run: command({
    name: "run",
    aliases: ["profile"],
    summary: "sends requests to a server and measures its answers",
    flags: runFlags,
    missing: foreignOptions,
    notes: [
      "assay profile is the same command: it takes aiperf profile's options, also with underscores (--request_rate); docs/compat.md has a row for each.",
      "Without --request-rate the load is a number of requests at once; with it, requests start by the clock.",
      "What wins: --set over options, options over the environment (each option is ASSAY_ and its name: ASSAY_REQUEST_COUNT=200), " +
        "the environment over the file of --config, the file over the defaults. assay config show shows what comes of it.",
    ],
    examples: [
      "assay run --mock",
      "assay run -m Qwen/Qwen3-0.6B -u localhost:8000 --streaming --concurrency 16 --request-count 200 --isl 512 --osl 128",
      "assay run -m my-model --streaming --request-rate 20 --arrival-pattern constant --benchmark-duration 60",
      "assay run -f run.yaml --set target.idle_timeout_sec=5",
      "assay run -m my-model --concurrency 64 --json --quiet | jq '.phases[0].metrics.request_latency.p99'",
    ],
    exits: exits.ofRuns,
    check: problemsOfRun,
    load: async () => (await import("./run-command.ts")).runCommand,
  }),
  send: command({
    name: "send",
    summary: "sends one request and shows its timeline, its answer and what went wrong",
    flags: sendFlags,
    examples: [
      "assay send -m my-model -u localhost:8000 --streaming --prompt 'Why is the sky blue?' --osl 64",
      "cat question.txt | assay send -m my-model --prompt - --json | jq .timeline",
    ],
    exits: exits.ofQuestions,
    check: problemsOfSend,
    load: async () => (await import("./send.ts")).send,
  }),
  doctor: command({
    name: "doctor",
    summary: "measures how good any figure from this machine can be, in about 20 s, against the built-in server",
    flags: doctorFlags,
    notes: [
      "Later runs on this machine print the result beside their figures, until it is started anew or Node or assay change.",
      "Measure while nothing else runs: what others use shows in every figure.",
    ],
    examples: ["assay doctor", "assay doctor --json | jq .pacing.precise"],
    exits: exits.ofQuestions,
  }),
  configShow: command({
    name: "config show",
    summary: "prints the run that options, environment and file make together, defaults included, and starts nothing",
    flags: configShowFlags,
    missing: foreignOptions,
    notes: ["What it prints is a file for --config. Secrets are masked."],
    examples: ["assay config show -m my-model --concurrency 16 > run.yaml"],
    exits: exits.ofQuestions.slice(0, 3),
    check: problemsOfRun,
    load: async () => (await import("./config-show.ts")).configShow,
  }),
  watch: command({
    name: "watch",
    operands: [{ ...run, isOptional: true }],
    summary: "follows a run that goes on, or changes its load while it runs",
    flags: watchFlags,
    notes: [
      "RUN is an id, the beginning of one, the folder of a run, or latest; without it the only run that goes on is meant, and several are listed.",
      "Without --controller it is looked for in the suites that the same user has on this machine, those of assay run and of assay serve: each " +
        "has a file that only its user can read, in $XDG_RUNTIME_DIR/assay/suites, else in ~/.cache/assay/suites.",
      "Without an option that changes something it follows the run to its end; on a terminal + and - change rate or concurrency by a " +
        "tenth, p pauses and goes on, s stops the run, q leaves it alone. With one it makes the change and ends; with --follow it goes on. " +
        "Each change is an event load_changed on the run's timeline.",
    ],
    examples: [
      "assay watch",
      "assay watch --set-rate 50",
      "assay watch 20261124-1530 --pause",
      "assay watch latest --controller bench:9440",
    ],
    exits: [
      exits.ofQuestions[0],
      exits.ofQuestions[1],
      `${exitCodes.usage} wrong options, or several runs go on`,
      exits.ofQuestions[3],
    ],
    check: problemsOfWatch,
    load: async () => (await import("./watch.ts")).watch,
  }),
  datasetShow: command({
    name: "dataset show",
    operands: [{ name: "FILE", completes: "file", isOptional: true }],
    summary: "shows what the requests of a dataset's file or folder, or synthetic ones, will be like, and sends nothing",
    flags: datasetShowFlags,
    check: problemsOfPlaces,
    notes: [
      "Without FILE the requests are the synthetic ones of assay run with the same options.",
      "FILE is what assay run takes as --input-file; - reads standard input, upload:ID is an upload, public:NAME a public dataset.",
      "Lengths of a large dataset are those of a part of it, evenly taken; how many were measured stands beside them.",
    ],
    examples: [
      "assay dataset show prompts.jsonl -m my-model --requests 1",
      "assay dataset show trace.csv.gz --tokenizer none --json | jq .lengths",
      "assay dataset show --isl 100 --image-width-mean 512 --image-height-mean 512",
    ],
    exits: [
      exits.ofQuestions[0],
      exits.ofQuestions[1],
      `${exitCodes.usage} wrong options, or a file that cannot be used`,
      exits.ofQuestions[3],
    ],
    load: async () => (await import("./dataset/show.ts")).datasetShow,
  }),
  datasetList: command({
    name: "dataset list",
    summary: "lists what is kept for later runs: prepared datasets, uploads, public datasets",
    flags: datasetListFlags,
    check: problemsOfPlaces,
    exits: exits.ofQuestions,
    load: async () => (await import("./dataset/stored.ts")).datasetList,
  }),
  datasetDelete: command({
    name: "dataset delete",
    operands: [{ name: "ID", isOptional: true, isRepeated: true }],
    summary: "removes datasets that are kept for later runs",
    flags: datasetDeleteFlags,
    check: problemsOfPlaces,
    notes: ["A dataset that is in use stays. What is wanted again is made, uploaded or downloaded again."],
    examples: ["assay dataset delete --all"],
    exits: exits.ofQuestions,
    load: async () => (await import("./dataset/stored.ts")).datasetDelete,
  }),
  runsList: command({
    name: "runs list",
    summary: "lists runs, newest first",
    flags: runsListFlags,
    exits: exits.ofQuestions,
    load: async () => (await import("./runs/list.ts")).runsList,
  }),
  runsShow: command({
    name: "runs show",
    operands: [run],
    summary: "shows one run: state, folder, phases",
    flags: runsShowFlags,
    notes: [whichRun],
    exits: exits.ofQuestions,
    load: async () => (await import("./runs/show.ts")).runsShow,
  }),
  runsSummary: command({
    name: "runs summary",
    operands: [run],
    summary: "prints the tables of a run again, or figures of groups of its requests",
    flags: runsSummaryFlags,
    notes: [whichRun],
    examples: [
      "assay runs summary latest --json | jq .client.verdict",
      "assay runs summary latest --by target,turn --metrics ttft,itl",
      "assay runs summary latest --where 'isl > 2000' --confidence",
    ],
    exits: exits.ofRunsAsked,
    check: problemsOfSummary,
    load: async () => (await import("./runs/summary.ts")).runsSummary,
  }),
  runsRecords: command({
    name: "runs records",
    operands: [run],
    summary: "prints the records of a run, one a request",
    flags: runsRecordsFlags,
    notes: [whichRun],
    examples: [
      "assay runs records latest --json | jq -r 'select(.error != null) | .error.message'",
      "assay runs records latest --where 'ttft > 200ms AND error = \"\"' --order-by 'ttft desc' --limit 20",
    ],
    exits: exits.ofRunsAsked,
    check: problemsOfFormat,
    load: async () => (await import("./runs/records.ts")).runsRecords,
  }),
  runsTimeline: command({
    name: "runs timeline",
    operands: [run],
    summary: "prints a run over time: its requests, and what was sampled of servers, GPUs and hosts, in the same buckets",
    flags: runsTimelineFlags,
    notes: [
      whichRun,
      "Of a series that only rises its rate per second is told, of another one the mean of what was scraped in a bucket (CSV and JSON have the least " +
        "and the greatest, too). Where nothing is known a bucket is empty: nothing is made up over scrapes that failed and counters that fell.",
    ],
    examples: [
      "assay runs timeline latest --step 500ms",
      "assay runs timeline latest --metrics in_flight,ttft_p99_ms --series 'host_cpu_utilization; vllm:num_requests_*' --format csv",
    ],
    exits: exits.ofRunsAsked,
    check: problemsOfTimeline,
    load: async () => (await import("./runs/timeline.ts")).runsTimeline,
  }),
  runsExport: command({
    name: "runs export",
    operands: [run],
    summary: "writes the files of a run, or the run in the formats of other tools",
    flags: runsExportFlags,
    check: problemsOfExport,
    notes: [
      whichRun,
      "Any format can be made of any stored run; raw and outputs need one that kept its answers (--export-level raw).",
    ],
    examples: [
      "assay runs export latest --format parquet --output requests.parquet",
      "assay runs export latest --format vllm --output - | jq .p99_ttft_ms",
    ],
    exits: exits.ofQuestions,
    load: async () => (await import("./runs/export.ts")).runsExport,
  }),
  runsDelete: command({
    name: "runs delete",
    operands: [{ ...run, isRepeated: true }],
    summary: "removes ended runs and their files, for good",
    flags: runsDeleteFlags,
    notes: [whichRun],
    exits: exits.ofQuestions,
    load: async () => (await import("./runs/delete.ts")).runsDelete,
  }),
  runsRecover: {
    name: "runs recover",
    operands: [run, { name: "REASON", isOptional: true }],
    summary: "finishes a run whose processes were all killed, from its file: accounts, verdict and files of what was committed",
    flags: {},
    notes: [whichRun],
    exits: exits.ofQuestions.slice(0, 3),
  },
  telemetryProbe: command({
    name: "telemetry probe",
    operands: [{ name: "URL", isOptional: true, isRepeated: true }],
    summary: "shows what pages of metrics are there, of what, and how old their values get; without a run",
    flags: telemetryProbeFlags,
    notes: [
      "URL is a page, HOST:PORT for its /metrics, or nvidia-smi for the GPUs of this machine; without one localhost:9400 and :9401 are looked at, where " +
        "DCGM's exporter is expected.",
      "What a page is of is seen from its content. Where /metrics is no page, /prometheus/metrics is tried. User and password may stand in the URL.",
    ],
    examples: [
      "assay telemetry probe gpu-node:9400 http://localhost:8000/metrics",
      "assay telemetry probe nvidia-smi --json | jq '.[0].subjects'",
    ],
    exits: [exits.ofQuestions[0], `${exitCodes.failed} a source is not there`, exits.ofQuestions[2], exits.ofQuestions[3]],
    load: async () => (await import("./telemetry/probe.ts")).telemetryProbe,
  }),
  health: command({
    name: "health",
    summary: "asks a suite which of its services serve, within 3 s",
    flags: healthFlags,
    exits: exits.ofQuestions.slice(0, 3),
    load: async () => (await import("./health.ts")).health,
  }),
  certs: command({
    name: "certs",
    summary: "makes an authority and certificates of it, with which a suite speaks TLS and knows its callers",
    flags: certsFlags,
    check: problemsOfCerts,
    notes: [
      "Each certificate has a key of its own, in a file that only its user can read. Whoever has ca.key can make certificates of any role: keep it, and " +
        "give each host and each person ca.crt and one pair. docs/tls.md sets a suite up with them.",
      "Certificates of processes name localhost and its addresses, too, and give the role member.",
    ],
    examples: [
      "assay certs --server bench.example.com,10.0.0.1 --member gpu-1=10.0.0.2 --client ann:operator --client grafana:viewer",
      "assay certs --client bob:operator --days 30",
    ],
    exits: exits.ofQuestions.slice(0, 3),
    load: async () => (await import("./certs/certs.ts")).certs,
  }),
  tokenCreate: command({
    name: "token create",
    operands: [{ name: "NAME" }],
    summary:
      "makes a token for a person or a program, shows it once, and writes its name, roles and hash into a file of assay serve",
    flags: tokenCreateFlags,
    check: problemsOfCreate,
    notes: [
      "The file is what assay serve --tokens-file reads, again whenever it changes: the token can be used at once. Whose token made or cancelled a run stands in the suite's log.",
    ],
    examples: [
      "assay token create ann --role operator --tokens-file tokens --output ann.token",
      "assay run --controller bench:7400 --tls-ca ca.crt --token-file ann.token -m my-model",
    ],
    exits: exits.ofQuestions.slice(0, 3),
    load: async () => (await import("./token/token.ts")).tokenCreate,
  }),
  tokenRevoke: command({
    name: "token revoke",
    operands: [{ name: "NAME" }],
    summary: "takes a token out of a file of assay serve: new calls with it are refused",
    flags: tokenRevokeFlags,
    check: problemsOfRevoke,
    examples: ["assay token revoke ann --tokens-file tokens"],
    exits: exits.ofQuestions.slice(0, 3),
    load: async () => (await import("./token/token.ts")).tokenRevoke,
  }),
  completion: {
    name: "completion",
    operands: [{ name: "SHELL", completes: ["bash", "zsh", "fish"] }],
    summary: "prints a completion script for bash, zsh or fish",
    flags: {},
    examples: [
      "source <(assay completion bash)",
      "assay completion zsh > ~/.zsh/completions/_assay",
      "assay completion fish > ~/.config/fish/completions/assay.fish",
    ],
    exits: [exits.ofQuestions[0], exits.ofQuestions[2]],
  },
} as const satisfies Readonly<Record<string, CommandRow>>;

export type CommandName = keyof typeof commands;

/** Commands that need services, which clients do not know. */
export type OtherCommand = { [N in CommandName]: "load" extends keyof (typeof commands)[N] ? never : N }[CommandName];

/** Programs with tables of their own, and what they do. */
export const programs = [
  { name: "mock", summary: "the built-in server, to try things out against" },
  { name: "serve", summary: "serves services of a suite that stays" },
] as const;

/** Variables of the environment that some command reads. */
export const commandVariables: ReadonlySet<string> = new Set(
  Object.values(commands).flatMap(({ flags }) => Object.values<Flag>(flags).map(variableOf)),
);
