/** The files that are made from a run's database, by the names of `services/common/export-files.ts`. */
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { ExportName } from "../../common/export-files.ts";
import { aiperfCsv } from "./aiperf-csv.ts";
import { aiperfRecords } from "./aiperf-records.ts";
import { aiperfSummary } from "./aiperf-summary.ts";
import { consoleReport } from "./console.ts";
import type { Exporter } from "./exporter.ts";
import { GPU_KINDS } from "./gpu-telemetry.ts";
import { gpuTelemetryJsonl } from "./gpu-telemetry-jsonl.ts";
import { llmDReport } from "./llm-d-report.ts";
import { outputsFile } from "./outputs-file.ts";
import { parquetRecords } from "./parquet-records.ts";
import { rawRecords } from "./raw-records.ts";
import { runConfig } from "./run-config.ts";
import { serverMetricsCsv } from "./server-metrics-csv.ts";
import { serverMetricsJson } from "./server-metrics-json.ts";
import { serverMetricsJsonl } from "./server-metrics-jsonl.ts";
import { serverMetricsParquet } from "./server-metrics-parquet.ts";
import { timeSlicesCsv } from "./time-slices-csv.ts";
import { timeSlicesJson } from "./time-slices-json.ts";
import { vllmBench } from "./vllm-bench.ts";

/** The bodies of requests are not in the database: `inputs-file.ts` writes them while the dataset is there. */
export type ExporterName = Exclude<ExportName, "inputs">;

export const exporters: Readonly<Record<ExporterName, Exporter>> = {
  "aiperf-json": aiperfSummary,
  "aiperf-csv": aiperfCsv,
  console: consoleReport,
  "aiperf-jsonl": aiperfRecords,
  "timeslices-json": timeSlicesJson,
  "timeslices-csv": timeSlicesCsv,
  "run-config": runConfig,
  outputs: outputsFile,
  "raw-jsonl": rawRecords,
  parquet: parquetRecords,
  vllm: vllmBench,
  "llm-d": llmDReport,
  "server-json": serverMetricsJson,
  "server-csv": serverMetricsCsv,
  "gpu-telemetry": gpuTelemetryJsonl,
  "server-jsonl": serverMetricsJsonl,
  "server-parquet": serverMetricsParquet,
};

/** In the order in which they are written: the summary first, which is the one that a full disk should leave. */
export const exporterNames = Object.keys(exporters) as readonly ExporterName[];

/** What a run writes at its end. `kinds` = of the sources that were scraped. */
export function exportersOf({ output, telemetry }: RunSpec, kinds: ReadonlySet<string>): ExporterName[] {
  const formats = telemetry?.serverMetricsFormats ?? [];
  const asked = kinds.has("server") ? (formats.length === 0 ? ["json", "csv"] : formats) : [];
  const left = new Set<ExporterName>([
    "parquet",
    "vllm",
    "llm-d",
    ...(["json", "csv", "jsonl", "parquet"] as const)
      .filter((each) => !asked.includes(each))
      .map((each) => `server-${each}` as const),
    ...(GPU_KINDS.some((kind) => kinds.has(kind)) ? [] : (["gpu-telemetry"] as const)),
    ...(output?.exportLevel === "summary" ? (["aiperf-jsonl"] as const) : []),
    ...(output?.exportLevel === "raw" ? [] : (["raw-jsonl"] as const)),
    ...(output?.exportOutputsJson === true ? [] : (["outputs"] as const)),
    ...(output?.sliceSec === undefined ? (["timeslices-json", "timeslices-csv"] as const) : []),
  ]);
  return exporterNames.filter((name) => !left.has(name));
}
