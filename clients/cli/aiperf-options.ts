/**
 * Options of `aiperf profile` that no run of Assay has, and what is said of each: the nearest thing that there is, or why there is
 * none. They are refused by name, unless what they ask for is what happens anyway. `docs/compat.md` has the same spellings, values and
 * texts, and a test compares them. Pure.
 */
import type { MissingOption } from "./parse.ts";

interface MissingOptions {
  /** Long, with dashes; all of them get the same answer. */
  readonly spellings: readonly string[];
  /** What to do in its place, without a full stop. */
  readonly instead: string;
}

const oneRunEach = "start one run for each value, with a folder of its own (--output-artifact-dir)";
const runsByHand = "start the run again, with a folder of its own (--output-artifact-dir) and a seed (--random-seed)";
const search = "start runs at several loads, each with --slo for the bound: exit code 3 says that it was missed";
const ungraded = "accuracy benchmarks are not run; --check holds answers against what rows expect of them";
const wholeAgents = "sessions of weka_trace are played from their beginning (--input-file FILE --custom-dataset-type weka_trace)";
const otlp = "OTEL_EXPORTER_OTLP_ENDPOINT=URL sends traces and metrics by OTLP (docs/observability.md)";
const upload = "no results are uploaded: give the run's folder to that tool's own client";

const missingOptions: readonly MissingOptions[] = [
  {
    spellings: [
      "--server-profiler",
      "--server-profiler-start-path",
      "--server-profiler-stop-path",
      "--server-profiler-timeout-seconds",
    ],
    instead: "POST /start_profile and /stop_profile with curl before and after the run",
  },
  {
    spellings: ["--per-chunk-usage"],
    instead: "leave it away: of a stream the last usage counts, and tokens of single chunks are in no metric",
  },
  {
    spellings: ["--system-prompt", "--system-prompt-file"],
    instead: "a turn of the role system in the rows of --input-file, or a synthetic one by --shared-system-prompt-length",
  },
  {
    spellings: ["--random-corpus-style"],
    instead: "--random-range-ratio is as in vLLM's bench; --isl-distribution uniform:min=A,max=B gives any other range",
  },
  { spellings: ["--uuid-and-strip"], instead: "leave it away: images are sent whole in every turn" },
  {
    spellings: ["--tokenizer-trust-remote-code"],
    instead: "leave it away: no code of a tokenizer is run; --tokenizer takes the path of a tokenizer.json",
  },
  {
    spellings: ["--allow-dataset-wrap", "--no-allow-dataset-wrap"],
    instead: "conversations come again when all have been used; --num-sessions ends a run before, --cache-bust tells them apart",
  },
  {
    spellings: [
      "--trajectory-start-min-ratio",
      "--trajectory-start-max-ratio",
      "--burst-phase-starts",
      "--agentic-cache-warmup-duration",
      "--agentic-warmup-grace-period",
    ],
    instead: wholeAgents,
  },
  {
    spellings: ["--system-idle-gap-cap-seconds"],
    instead: "--trace-idle-gap-cap-seconds cuts the gaps of each session, --max-idle-gap-cap-seconds those of a schedule",
  },
  {
    spellings: [
      "--adaptive-scale",
      "--adaptive-sustain-duration",
      "--adaptive-assessment-period",
      "--adaptive-scale-assessment-period",
      "--adaptive-scale-sla",
    ],
    instead: "let the load rise by --concurrency-ramp-duration or --request-rate-ramp-duration, or change it by assay watch",
  },
  {
    spellings: ["--scenario", "--unsafe-override"],
    instead: "write the scenario's settings as options, or into a file for --config",
  },
  {
    spellings: ["--auto-plot", "--no-auto-plot", "--plot-required"],
    instead: "leave it away: nothing is plotted; profile_export_aiperf.csv and --slice-duration have the figures",
  },
  {
    spellings: ["--otel-url", "--stream", "--otel-resource-attributes", "--gen-ai-provider"],
    instead: otlp,
  },
  {
    spellings: [
      "--mlflow-tracking-uri",
      "--mlflow-experiment",
      "--mlflow-run-name",
      "--mlflow-tag",
      "--mlflow-parent-run-id",
      "--mlflow-artifact-glob",
      "--wandb-project",
      "--wandb-entity",
      "--wandb-run-name",
      "--wandb-tag",
    ],
    instead: upload,
  },
  {
    spellings: [
      "--num-profile-runs",
      "--profile-run-cooldown-seconds",
      "--profile-run-disable-warmup-after-first",
      "--no-profile-run-disable-warmup-after-first",
      "--set-consistent-seed",
      "--no-set-consistent-seed",
      "--vary-seed-per-trial",
      "--no-vary-seed-per-trial",
      "--convergence-metric",
      "--convergence-stat",
      "--convergence-threshold",
      "--convergence-mode",
    ],
    instead: runsByHand,
  },
  {
    spellings: ["--confidence-level"],
    instead: "assay runs summary RUN --confidence shows 95 % intervals of one run",
  },
  {
    spellings: [
      "--parameter-sweep-cooldown-seconds",
      "--parameter-sweep-same-seed",
      "--no-parameter-sweep-same-seed",
      "--parameter-sweep-mode",
      "--sweep-type",
      "--no-sweep-table",
      "--variant",
      "--sweep-variant",
      "--isl-osl-pairs",
      "--isl-min",
      "--isl-max",
      "--isl-steps",
      "--concurrency-min",
      "--concurrency-max",
      "--concurrency-steps",
      "--osl-min",
      "--osl-max",
      "--osl-steps",
    ],
    instead: oneRunEach,
  },
  {
    spellings: [
      "--search-space",
      "--search-metric",
      "--search-stat",
      "--search-direction",
      "--search-max-iterations",
      "--search-initial-points",
      "--search-random-seed",
      "--search-planner",
      "--optuna-sampler",
      "--optuna-acquisition",
      "--optuna-terminator",
      "--search-percentile-pooling",
      "--bo-constraint-mode",
      "--search-recipe",
      "--search-style",
      "--search-sla-tier",
      "--degradation-threshold",
      "--degradation-metric-tag",
      "--degradation-stat",
    ],
    instead: search,
  },
  {
    spellings: ["--search-sla"],
    instead: "--slo 'ttft:p95 < 200ms; error_rate < 1%' decides the exit code of one run",
  },
  { spellings: ["--ttft-sla-ms"], instead: "--slo 'ttft:p99 < 200ms'" },
  { spellings: ["--itl-sla-ms", "--tpot-sla-ms"], instead: "--slo 'itl:p99 < 20ms'" },
  { spellings: ["--e2e-sla-ms"], instead: "--slo 'request_latency:p99 < 2s'" },
  { spellings: ["--error-rate-sla"], instead: "--slo 'error_rate < 1%'" },
  {
    spellings: ["--slo-attainment-fraction"],
    instead: "--goodput 'time_to_first_token:200' with --slo 'good_request_fraction > 95%'",
  },
  {
    spellings: [
      "--accuracy-benchmark",
      "--accuracy-tasks",
      "--accuracy-n-shots",
      "--accuracy-enable-cot",
      "--accuracy-no-enable-cot",
      "--accuracy-grader",
      "--accuracy-system-prompt",
      "--accuracy-verbose",
    ],
    instead: ungraded,
  },
  {
    spellings: ["--api-port", "--api-host"],
    instead: "assay serve has an API for runs on --controller (docs/curl.md); assay watch follows a run that assay run started",
  },
  { spellings: ["--stats-interval"], instead: "leave it away: --ui simple and assay watch show the state of a run" },
  {
    spellings: ["--zmq-host", "--zmq-ipc-path", "--zmq-dual-bind"],
    instead: "leave it away: processes speak gRPC; assay serve --host and --port say where",
  },
];

/** Values that ask for what a run does anyway: the option itself where it is a switch. Of a single run, and of one that is no sweep. */
const asItIs: Readonly<Record<string, readonly string[]>> = {
  "--allow-dataset-wrap": [""],
  "--no-auto-plot": [""],
  "--random-corpus-style": ["vllm"],
  "--num-profile-runs": ["1"],
  "--profile-run-cooldown-seconds": ["0"],
  "--profile-run-disable-warmup-after-first": [""],
  "--no-profile-run-disable-warmup-after-first": [""],
  "--set-consistent-seed": [""],
  "--no-set-consistent-seed": [""],
  "--no-vary-seed-per-trial": [""],
  "--confidence-level": ["0.95"],
  "--parameter-sweep-cooldown-seconds": ["0"],
  "--no-parameter-sweep-same-seed": [""],
  "--parameter-sweep-mode": ["repeated", "independent"],
  "--sweep-type": ["grid", "zip"],
  "--no-sweep-table": [""],
  "--accuracy-no-enable-cot": [""],
};

/** What is said of each spelling, behind it, and when it is taken all the same. */
export const aiperfOptions: ReadonlyMap<string, MissingOption> = new Map(
  missingOptions.flatMap(({ spellings, instead }) =>
    spellings.map((spelling) => {
      const hint = `an option of AIPerf that assay does not have: ${instead}`;
      return [spelling, { hint, asItIs: asItIs[spelling] ?? [] }] as const;
    }),
  ),
);
