/** Options of `assay runs …`. */

import { type Flag, type FlagTable, many } from "../flags/flag.ts";
import { healthFlags, runFlags } from "../flags.ts";
import { timelineMetricNames } from "./timeline-view.ts";

const suiteFlags = {
  ...healthFlags,
  controller: { ...runFlags.controller, doc: "ask this suite (assay serve) instead of the runs of this machine" },
} as const satisfies FlagTable;

const phase = {
  flag: "--phase",
  kind: { is: "text" },
  value: "NAME",
  group: "Output",
  doc: "this phase alone (default: every phase)",
} as const satisfies Flag;

const limit = {
  flag: "--limit",
  aliases: ["-n"],
  kind: { is: "integer", min: 1, max: many },
  value: "N",
  group: "Output",
} as const satisfies Partial<Flag>;

export const runsListFlags = {
  limit: { ...limit, doc: "at most so many, newest first (default 20)" },
  json: { ...runFlags.json, doc: "a JSON array of runs" },
  ...suiteFlags,
} as const satisfies FlagTable;

export const runsShowFlags = {
  json: { ...runFlags.json, doc: "the run as JSON" },
  ...suiteFlags,
} as const satisfies FlagTable;

const where = {
  flag: "--where",
  kind: { is: "text" },
  value: "FILTER",
  group: "Output",
} as const satisfies Partial<Flag>;

const format = {
  flag: "--format",
  kind: { is: "choice", of: ["table", "json", "csv"] },
  value: "FORMAT",
  group: "Output",
} as const satisfies Partial<Flag>;

export const runsSummaryFlags = {
  phase,
  where: {
    ...where,
    doc: "figures of the requests that pass a filter, as 'turn >= 1 AND error = \"\"' (docs/filters.md)",
  },
  by: {
    flag: "--by",
    kind: { is: "names" },
    value: "FIELD",
    group: "Output",
    doc: "figures of each group of requests that are alike in these, as target,turn; with commas (docs/filters.md#groups)",
  },
  metrics: {
    flag: "--metrics",
    kind: { is: "names" },
    value: "NAME",
    group: "Output",
    doc: "these metrics of the groups, by tag or short name, with commas (default: all; a table's own)",
  },
  statistics: {
    flag: "--statistics",
    kind: { is: "names" },
    value: "NAME",
    group: "Output",
    doc: "these statistics of the groups, as avg,p50,p99, with commas (default: all; a table has avg, p50, p90 and p99)",
  },
  definitions: runFlags.definitions,
  confidence: {
    flag: "--confidence",
    kind: { is: "switch" },
    group: "Output",
    doc: "95 % confidence intervals of means and percentiles, by a bootstrap from the run's seed",
  },
  format: {
    ...format,
    doc: "how the figures are printed: tables, one JSON object, or comma-separated values, a line for each group and metric (default: table)",
  },
  json: { ...runFlags.json, doc: "the same as --format json" },
  ...suiteFlags,
} as const satisfies FlagTable;

export const runsRecordsFlags = {
  phase,
  where: {
    ...where,
    doc: "records that pass a filter alone, as 'ttft > 200ms AND error = \"\"' (docs/filters.md)",
  },
  orderBy: {
    flag: "--order-by",
    kind: { is: "text" },
    value: "FIELD",
    group: "Output",
    doc: "by this field of filters, ascending or, as 'ttft desc', descending; records without a value come last (default: by their credits)",
  },
  limit: { ...limit, doc: "at most so many (default: all)" },
  fields: {
    flag: "--fields",
    kind: { is: "names" },
    value: "NAME",
    group: "Output",
    doc: "fields of MetricRecord and metrics, by tag or short name, with commas; credit_id is always there (default: all; the table's own)",
  },
  format: {
    ...format,
    doc: "how records are printed: a table, one JSON object a line, or comma-separated values (default: table)",
  },
  json: { ...runFlags.json, doc: "the same as --format json" },
  ...suiteFlags,
} as const satisfies FlagTable;

export const runsTimelineFlags = {
  step: {
    flag: "--step",
    kind: { is: "text" },
    value: "TIME",
    group: "Output",
    doc: "width of a bucket, as 1s, 250ms or 2m (default 1s)",
  },
  phase,
  where: { ...where, doc: "requests that pass a filter alone (docs/filters.md); the buckets and the samples stay" },
  metrics: {
    flag: "--metrics",
    aliases: ["--metric"],
    kind: { is: "names", of: timelineMetricNames },
    value: "NAME",
    group: "Output",
    doc: `of the requests these, with commas: ${timelineMetricNames.join(", ")} (default: all; the table's own)`,
  },
  series: {
    flag: "--series",
    kind: { is: "text" },
    value: "SERIES",
    group: "Output",
    doc: 'samples beside them: names, as \'host_cpu_*; vllm:num_requests_*{model_name="m"}; {kind="dcgm"}\', * being any text (docs/telemetry.md)',
  },
  format: {
    ...format,
    doc: "how it is printed: a table, one JSON object, or comma-separated values, a line a bucket (default: table)",
  },
  json: { ...runFlags.json, doc: "the same as --format json" },
  ...suiteFlags,
} as const satisfies FlagTable;

export const runsExportFlags = {
  artifactDir: { ...runFlags.artifactDir, paths: undefined, doc: "folder to write into (default: ./<id of the run>)" },
  files: {
    flag: "--file",
    kind: { is: "names" },
    value: "NAME",
    group: "Output",
    doc: "this file alone, as run.db; repeatable (default: every file)",
  },
  format: {
    flag: "--format",
    kind: {
      is: "choice",
      of: [
        "aiperf",
        "json",
        "csv",
        "jsonl",
        "raw",
        "outputs",
        "config",
        "console",
        "parquet",
        "vllm",
        "llm-d",
        "gpu-telemetry",
        "server-json",
        "server-csv",
        "server-jsonl",
        "server-parquet",
      ],
    },
    value: "FORMAT",
    group: "Output",
    doc: "the run as Parquet, as a result of vllm bench or as llm-d's benchmark report, what was scraped of GPUs and servers, or one of the files that runs write; aiperf: all of these (default: these and run.db)",
  },
  output: {
    flag: "--output",
    aliases: ["-o"],
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Output",
    doc: "write the one file that is asked for to this path; - is standard output",
  },
  quiet: runFlags.quiet,
  ...suiteFlags,
} as const satisfies FlagTable;

export const runsDeleteFlags = { quiet: runFlags.quiet, ...suiteFlags } as const satisfies FlagTable;
