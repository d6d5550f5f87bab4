/**
 * Options of perf_analyzer and GenAI-Perf that no run of Assay has, and what is said of each: the nearest thing that there is, or why
 * there is none. `docs/from-perf-analyzer.md` has the same spellings, values and texts, and a test compares them. Pure.
 */
import type { MissingOption } from "./parse.ts";

interface MissingOptions {
  /** Long ones with dashes; all of them get the same answer. */
  readonly spellings: readonly string[];
  /** What to do in its place, without a full stop. */
  readonly instead: string;
}

const oneRunEach = "start one run for each value, with a folder of its own (--output-artifact-dir)";
const oneMeasurement =
  "a run is one measurement, of --request-count N or --benchmark-duration SEC; its steady window is told apart (docs/validity.md)";
const ownServer = "no server runs inside assay: start one, and name it by -u grpc://HOST:PORT";
const scheme = "the scheme of -u says it: grpc:// or grpcs://, http:// or https://";
const pem = "leave it away: certificates and keys are PEM";
const traces = "start tritonserver with its own options for traces";

const missingOptions: readonly MissingOptions[] = [
  { spellings: ["--triton-server-directory", "--model-repository"], instead: ownServer },
  { spellings: ["--model-signature-name"], instead: "TensorFlow Serving is not spoken" },
  {
    spellings: ["--bls-composing-models"],
    instead: "leave it away: every model that did something is in the table of the server's statistics (docs/triton.md)",
  },
  { spellings: ["-i"], instead: scheme },
  { spellings: ["--grpc-method"], instead: "Triton's ModelInfer and ModelStreamInfer are called, no other method" },
  { spellings: ["--concurrency-range"], instead: `--concurrency N; ${oneRunEach}` },
  { spellings: ["--request-rate-range"], instead: `--request-rate N; ${oneRunEach}` },
  {
    spellings: ["--periodic-concurrency-range", "--request-period"],
    instead: "--concurrency-ramp-duration SEC lets the concurrency rise step by step",
  },
  { spellings: ["--request-distribution"], instead: "--arrival-pattern constant or poisson" },
  {
    spellings: ["--request-intervals"],
    instead: "--request-rate-series FILE for a rate that changes, or rows with timestamps (--input-file FILE --fixed-schedule)",
  },
  {
    spellings: ["--binary-search", "--latency-threshold", "-l"],
    instead: "start runs at several loads, each with --slo 'request_latency:p95 < 50ms': exit code 3 says that it was missed",
  },
  {
    spellings: [
      "--measurement-mode",
      "--measurement-interval",
      "-p",
      "--measurement-request-count",
      "--stability-percentage",
      "-s",
      "--max-trials",
      "-r",
    ],
    instead: oneMeasurement,
  },
  {
    spellings: ["--percentile"],
    instead: "leave it away: the tables have p50, p90 and p99, the files all; --slo names any other",
  },
  {
    spellings: ["--max-threads"],
    instead: "--workers-max N, if at all: a worker sends as many requests at once as are asked for",
  },
  { spellings: ["--async", "-a", "--sync"], instead: "leave it away: no request waits for another one" },
  { spellings: ["--session-concurrency"], instead: "--concurrency N counts sessions (--concurrency-unit session, the default)" },
  {
    spellings: ["--data-directory"],
    instead: "--input-data FILE has tensors; zero or random makes them, and --extra-inputs NAME:VALUE gives one its elements",
  },
  {
    spellings: ["--sequence-length"],
    instead: "--session-turns-mean N: a model with sequences is told of its sessions (docs/triton.md)",
  },
  {
    spellings: ["--sequence-length-variation"],
    instead: "--session-turns-stddev N",
  },
  {
    spellings: ["--num-of-sequences"],
    instead: "--concurrency N counts sessions (--concurrency-unit session, the default)",
  },
  {
    spellings: ["--serial-sequences"],
    instead: "leave it away: the turns of a session follow one another",
  },
  {
    spellings: ["--start-sequence-id", "--sequence-id-range"],
    instead: "leave it away: each session of a run has an id of its own",
  },
  { spellings: ["-z", "--zero-input"], instead: "--input-data zero" },
  { spellings: ["--input-tensor-format", "--output-tensor-format"], instead: "leave it away: tensors go in their raw form" },
  {
    spellings: ["--shared-memory", "--output-shared-memory-size"],
    instead: "tensors go over the connection, in requests and answers, as those of clients on other hosts do",
  },
  { spellings: ["--ssl-grpc-use-ssl"], instead: "-u grpcs://HOST:PORT" },
  { spellings: ["--ssl-grpc-root-certifications-file", "--ssl-https-ca-certificates-file"], instead: "--target-ca FILE" },
  {
    spellings: ["--ssl-grpc-certificate-chain-file", "--ssl-https-client-certificate-file"],
    instead: "--target-cert FILE",
  },
  { spellings: ["--ssl-grpc-private-key-file", "--ssl-https-private-key-file"], instead: "--target-key FILE" },
  { spellings: ["--ssl-https-client-certificate-type", "--ssl-https-private-key-type"], instead: pem },
  { spellings: ["--ssl-https-verify-peer", "--ssl-https-verify-host"], instead: "--insecure-skip-verify verifies neither" },
  { spellings: ["--trace-level", "--trace-rate", "--trace-count", "--log-frequency"], instead: traces },
  {
    spellings: ["--collect-metrics", "--metrics-url", "--metrics-interval", "--server-metrics-url", "--server-metrics-urls"],
    instead: "--gpu-telemetry URL scrapes the page of a DCGM exporter",
  },
  {
    spellings: ["--verbose-csv"],
    instead: "leave it away: the files in --output-artifact-dir have every figure (docs/files.md)",
  },
  {
    spellings: ["--enable-mpi"],
    instead: "assay serve on each host makes one suite of them, and --controller HOST:PORT runs on it",
  },
  { spellings: ["--output-tokens-mean-deterministic"], instead: "--force-output-length auto" },
  {
    spellings: ["--generate-plots"],
    instead: "leave it away: nothing is plotted; profile_export_aiperf.csv and --slice-duration have the figures",
  },
  {
    spellings: ["--checkpoint-dir", "--enable-checkpointing"],
    instead: "leave it away: a run is one measurement, and kept in run.db",
  },
];

/** Values that ask for what a run does anyway: the option itself where it is a switch. */
const asItIs: Readonly<Record<string, readonly string[]>> = {
  "--async": [""],
  "--serial-sequences": [""],
  "-a": [""],
  "--shared-memory": ["none"],
  "--input-tensor-format": ["binary"],
  "--output-tensor-format": ["binary"],
  "--ssl-https-client-certificate-type": ["PEM"],
  "--ssl-https-private-key-type": ["PEM"],
  "--verbose-csv": [""],
};

/** What is said of each spelling, behind it, and when it is taken all the same. */
export const perfAnalyzerOptions: ReadonlyMap<string, MissingOption> = new Map(
  missingOptions.flatMap(({ spellings, instead }) =>
    spellings.map((spelling) => {
      const hint = `an option of perf_analyzer or GenAI-Perf that assay does not have: ${instead}`;
      return [spelling, { hint, asItIs: asItIs[spelling] ?? [] }] as const;
    }),
  ),
);
