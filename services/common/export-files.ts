/**
 * Names of the files that a run leaves beside `run.db`. They are AIPerf's, and so is the rule of the prefix that takes their
 * place, so that scripts find them. Pure.
 */

/** The files by the names that this project has for them. */
export type ExportName =
  | "aiperf-json"
  | "aiperf-csv"
  | "aiperf-jsonl"
  | "console"
  | "timeslices-json"
  | "timeslices-csv"
  | "raw-jsonl"
  | "outputs"
  | "run-config"
  | "parquet"
  | "vllm"
  | "llm-d"
  | "gpu-telemetry"
  | "server-json"
  | "server-csv"
  | "server-jsonl"
  | "server-parquet"
  | "inputs";

interface ExportFile {
  /** Name without a prefix. */
  readonly usual: string;
  /** What follows the prefix; undefined: a prefix changes nothing. */
  readonly suffix: string | undefined;
}

const files: Readonly<Record<ExportName, ExportFile>> = {
  "aiperf-json": { usual: "profile_export_aiperf.json", suffix: ".json" },
  "aiperf-csv": { usual: "profile_export_aiperf.csv", suffix: ".csv" },
  "aiperf-jsonl": { usual: "profile_export.jsonl", suffix: ".jsonl" },
  console: { usual: "profile_export_console.txt", suffix: "_console.txt" },
  "timeslices-json": { usual: "profile_export_aiperf_timeslices.json", suffix: "_timeslices.json" },
  "timeslices-csv": { usual: "profile_export_aiperf_timeslices.csv", suffix: "_timeslices.csv" },
  "raw-jsonl": { usual: "profile_export_raw.jsonl", suffix: "_raw.jsonl" },
  outputs: { usual: "outputs.json", suffix: undefined },
  "run-config": { usual: "run_config.json", suffix: undefined },
  parquet: { usual: "profile_export.parquet", suffix: ".parquet" },
  vllm: { usual: "vllm_bench.json", suffix: "_vllm_bench.json" },
  "llm-d": { usual: "benchmark_report_v0.2.json", suffix: "_benchmark_report_v0.2.json" },
  "gpu-telemetry": { usual: "gpu_telemetry_export.jsonl", suffix: "_gpu_telemetry.jsonl" },
  "server-json": { usual: "server_metrics_export.json", suffix: "_server_metrics.json" },
  "server-csv": { usual: "server_metrics_export.csv", suffix: "_server_metrics.csv" },
  "server-jsonl": { usual: "server_metrics_export.jsonl", suffix: "_server_metrics.jsonl" },
  "server-parquet": { usual: "server_metrics_export.parquet", suffix: "_server_metrics.parquet" },
  inputs: { usual: "inputs.json", suffix: undefined },
};

/** All of them, in the order in which they are listed. */
export const exportNames = Object.keys(files) as readonly ExportName[];

/** The file's name under a prefix as it was given; empty: without one. */
export function exportFileName(name: ExportName, prefix: string): string {
  const { usual, suffix } = files[name];
  const base = exportBase(prefix);
  return suffix === undefined || base === "" ? usual : base + suffix;
}

/** What a run can be exported as, by the names of the command line: the files of each. `aiperf` are those that the run's level asks for. */
export const exportFormats = {
  aiperf: undefined,
  json: ["aiperf-json"],
  csv: ["aiperf-csv"],
  jsonl: ["aiperf-jsonl"],
  raw: ["raw-jsonl"],
  outputs: ["outputs"],
  config: ["run-config"],
  console: ["console"],
  parquet: ["parquet"],
  vllm: ["vllm"],
  "llm-d": ["llm-d"],
  "gpu-telemetry": ["gpu-telemetry"],
  "server-json": ["server-json"],
  "server-csv": ["server-csv"],
  "server-jsonl": ["server-jsonl"],
  "server-parquet": ["server-parquet"],
} as const satisfies Readonly<Record<string, readonly ExportName[] | undefined>>;

export type ExportFormat = keyof typeof exportFormats;

export function isExportFormat(name: string): name is ExportFormat {
  return Object.hasOwn(exportFormats, name);
}

/** Endings of AIPerf's files; the first that fits is cut off, as AIPerf does. */
const knownEndings = [
  "_server_metrics.parquet",
  "_server_metrics.jsonl",
  "_server_metrics.json",
  "_server_metrics.csv",
  "_network_latency.jsonl",
  "_gpu_telemetry.jsonl",
  "_timeslices.csv",
  "_timeslices.json",
  "_console.txt",
  "_raw.jsonl",
  ".parquet",
  ".csv",
  ".json",
  ".jsonl",
] as const;

/** What is left of a prefix: the last part of a path, without the ending of an exported file. */
export function exportBase(prefix: string): string {
  const name = prefix.slice(Math.max(prefix.lastIndexOf("/"), prefix.lastIndexOf("\\")) + 1);
  const ending = knownEndings.find((known) => name.endsWith(known));
  return ending === undefined ? name : name.slice(0, -ending.length);
}

/** Room for the longest ending in a file name of 255 bytes, and for the name that it is written under at first. */
const maxBaseBytes = 200;

/** Why a prefix cannot name files; undefined: it can. */
export function exportPrefixProblem(prefix: string): string | undefined {
  if (prefix === "") return undefined;
  const base = exportBase(prefix);
  if (base === "" || base === "." || base === "..") return `must name a file, got ${JSON.stringify(prefix)}`;
  if (/\p{Cc}/u.test(base)) return `must not hold control characters, got ${JSON.stringify(prefix)}`;
  if (new TextEncoder().encode(base).length > maxBaseBytes) return `must be at most ${maxBaseBytes} bytes long`;
  const taken = Object.values(files).find(({ suffix, usual }) => suffix === undefined && usual === `${base}.json`);
  return taken === undefined ? undefined : `must not be ${base}: ${taken.usual} is another file of the run`;
}
