import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { readGpuFieldList } from "../../../common/gpu-field-list.ts";
import { defaultScrapeMs } from "./defaults.ts";
import type { Demand } from "./demand.ts";
import { checkTls } from "./tls-violations.ts";

const leastScrapeMs = 50;

export function checkTelemetry({ telemetry }: RunSpec, demand: Demand): void {
  if (telemetry === undefined) return;
  const { intervalMs = defaultScrapeMs, serverMetricsFormats, gpuMetricsCsv, dcgmUrls, serverMetricsUrls, tls } = telemetry;
  demand(intervalMs >= leastScrapeMs, "telemetry.interval_ms", `must be at least ${leastScrapeMs}, got ${intervalMs}`);
  for (const format of serverMetricsFormats) {
    const isKnown = ["json", "csv", "jsonl", "parquet"].includes(format);
    demand(isKnown, "telemetry.server_metrics_formats", `must be json, csv, jsonl or parquet, got ${format}`);
  }
  for (const problem of readGpuFieldList(gpuMetricsCsv).problems) demand(false, "telemetry.gpu_metrics_csv", `line ${problem}`);
  const hasTls = [...dcgmUrls, ...serverMetricsUrls].some((url) => url.startsWith("https://"));
  const needed = "an https URL among telemetry.dcgm_urls and telemetry.server_metrics_urls";
  checkTls(tls, { at: "telemetry.tls", hasTls, needed }, demand);
}
