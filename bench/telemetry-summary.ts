/**
 * What a summary costs where much was scraped: a finished run of 2000 requests, with 600 scrapes of 32 exporters with 8 GPUs and 60 fields, and
 * of a server's page of 2000 series. Run: node bench/telemetry-summary.ts [scrapes]
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeptSummaries } from "../services/records-manager/kept-summaries.ts";
import { QueryClient } from "../services/records-manager/query-client.ts";
import type { RunStore } from "../services/records-manager/store/run-store.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { createRun, insertAll, plausibleRecords } from "./support/stored-run.ts";

const requests = 2_000;
const scrapes = Number(process.argv[2] ?? 600);
const exporters = 32;
const gpus = 8;
const fieldCount = 60;
const serverSeries = 2_000;
const barMs = 300;

const folder = mkdtempSync(join(tmpdir(), "assay-bench-telemetry-"));

/** Known fields first, others behind them. */
const fieldNames = [
  ...["nvidia_power_usage", "nvidia_energy_consumption", "nvidia_gpu_utilization", "nvidia_memory_used", "nvidia_temperature"],
  ...Array.from({ length: fieldCount - 5 }, (_, at) => `nvidia_field_${at}`),
];

function addSource(
  store: RunStore,
  kind: string,
  name: string,
  series: readonly { subject: string; name: string }[],
  at: (scrape: number) => number,
): void {
  const source = store.telemetrySource({ kind, name });
  for (const { subject, name: field } of series) {
    const type = field.includes("energy") ? "counter" : "gauge";
    store.telemetryPlace(source, {
      subject,
      name: field,
      family: field,
      type,
      unit: "",
      help: "",
      labels: { index: "0", hostname: name },
    });
  }
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const endNs = at(scrape);
    const outcome = Float64Array.from(series, (_, place) => ((scrape + 1) * (place + 3)) / 8);
    store.addScrapes([{ source, startNs: endNs - 1e6, endNs, outcome }]);
  }
}

function write(): void {
  const store = createRun(folder);
  const records = plausibleRecords();
  const rows = Array.from({ length: requests }, () => records.next().value);
  const startNs = (rows[0]?.sentNs ?? 0) - 1e6;
  store.startPhase(0, startNs);
  insertAll(store, rows);
  const at = (scrape: number): number => startNs + (scrape - 1) * 1e9;
  for (let exporter = 0; exporter < exporters; exporter++) {
    const series = Array.from({ length: gpus }, (_, gpu) =>
      fieldNames.map((name) => ({ subject: `GPU-${exporter}-${gpu}`, name })),
    ).flat();
    addSource(store, "dcgm", `http://node-${exporter}:9400/metrics`, series, at);
  }
  const page = Array.from({ length: serverSeries }, (_, place) => ({
    subject: "",
    name: place === 0 ? "vllm:num_requests_running" : `vllm:series_${place}`,
  }));
  addSource(store, "server", "http://server:8000/metrics", page, at);
  store.endPhase(0, at(scrapes - 1));
  store.endRun({ state: "COMPLETED", wasCancelled: false, endedWallNs: at(scrapes), verdict: "valid", verdictReasons: [] });
  store.close();
}

/** CPU milliseconds (user and system, garbage collection's threads included). */
async function cpuMsOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

process.stdout.write(machineLine());
const client = new QueryClient();
const summaries = new KeptSummaries(client);
try {
  write();
  const figures: Figure[] = [
    { figure: "size of the file", measured: statSync(join(folder, "run.db")).size / 1e6, unit: "MB" },
    {
      figure: "a summary without telemetry",
      measured: await cpuMsOf(() => client.ask("summarize", { folder, withTelemetry: false })),
      unit: "ms",
    },
    { figure: "a summary, first time", measured: await cpuMsOf(() => summaries.ask({ folder })), unit: "ms" },
    {
      figure: "the same again",
      measured: await cpuMsOf(() => summaries.ask({ folder })),
      unit: "ms",
      bar: { of: "figure", atMost: barMs },
    },
    { figure: "all files of the run", measured: await cpuMsOf(() => client.ask("export", { folder })), unit: "ms" },
  ];
  reportFigures("telemetry-summary", figures);
} finally {
  await client.close();
  rmSync(folder, { recursive: true, force: true });
}
