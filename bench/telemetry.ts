/**
 * Telemetry from pages to values. `reading`: a page of a server with many series, 5 MB, read for the first time and again, as lines and as series; the bar
 * is 60 ms of a core. `scraping`: the pages of 32 exporters with 8 GPUs and 60 fields, read again and again with other values; the bar is 15 % of a core at one
 * scrape a second of each, what it costs to fetch and to send left out.
 * Run: node bench/telemetry.ts [seconds per row]
 */
import { PageReader } from "../services/telemetry/core/exposition/page-reader.ts";
import type { GpuField } from "../services/telemetry/core/sources/dcgm-fields.ts";
import { gpuFields } from "../services/telemetry/core/sources/dcgm-fields.ts";
import { createPageSource } from "../services/telemetry/core/sources/page.ts";
import { parseMetricsPage } from "../test/support/metrics-page.ts";
import { type Figure, reportFigures } from "./support/figures.ts";

const seconds = Number(process.argv[2] ?? 2);

/** CPU milliseconds (user and system, garbage collection's threads included) of one call, in the middle of those that fit into the time. */
function cpuMsOf(work: (call: number) => void): number {
  const spent: number[] = [];
  const start = performance.now();
  for (let call = 0; performance.now() - start < seconds * 1000 || spent.length < 5; call++) {
    const before = process.cpuUsage();
    work(call);
    const { user, system } = process.cpuUsage(before);
    spent.push((user + system) / 1000);
  }
  return spent.sort((a, b) => a - b)[Math.floor(spent.length / 2)] ?? Number.NaN;
}

/** A page like vLLM's with many engines: histograms above all. */
function serverPage(bytes: number): Buffer {
  const parts: string[] = [];
  const bounds = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
  ];
  let length = 0;
  for (let family = 0; length < bytes; family++) {
    const name = `vllm:request_stage_${family}_time_seconds`;
    parts.push(
      `# HELP ${name} Histogram of the time that a request spends in this stage, in seconds.\n# TYPE ${name} histogram\n`,
    );
    for (let engine = 0; engine < 16; engine++) {
      const labels = `engine="${engine}",model_name="meta-llama/Llama-3.1-70B-Instruct"`;
      for (const [at, bound] of bounds.entries()) parts.push(`${name}_bucket{${labels},le="${bound}"} ${at * 317}.0\n`);
      parts.push(`${name}_bucket{${labels},le="+Inf"} 7000.0\n${name}_sum{${labels}} ${1e6 / (family + engine + 3)}\n`);
      parts.push(`${name}_count{${labels}} 7000.0\n`);
    }
    length = parts.reduce((sum, part) => sum + part.length, 0);
  }
  return Buffer.from(
    parts
      .join("")
      .slice(0, bytes)
      .replace(/[^\n]*$/, ""),
  );
}

const fieldCount = 60;
const fields: readonly GpuField[] = Array.from({ length: fieldCount }, (_, at): GpuField => {
  const known = gpuFields[at];
  if (known !== undefined) return known;
  const name = `DCGM_FI_PROF_BENCH_${at}`;
  return { dcgm: name, name: name.toLowerCase(), unit: "", kind: "gauge", scale: 1, isPerInstance: false };
});

/** A page of an exporter with 8 GPUs; its values are others with each call. */
function dcgmPage(exporter: number, call: number): Buffer {
  const lines = fields.map(({ dcgm, kind }, field) => {
    const gpus = Array.from({ length: 8 }, (_, gpu) => {
      const uuid = `GPU-6d6f636b-0000-4000-80${String(exporter).padStart(2, "0")}-0000000000${String(gpu).padStart(2, "0")}`;
      const labels = `gpu="${gpu}",UUID="${uuid}",pci_bus_id="00000000:0${gpu}:00.0",device="nvidia${gpu}",modelName="NVIDIA H100 80GB HBM3"`;
      const value = ((call + 1) * (field + 3) * (gpu + 7)) / 8;
      return `${dcgm}{${labels},Hostname="node-${exporter}",DCGM_FI_DRIVER_VERSION="550.54.15"} ${value.toFixed(6)}\n`;
    });
    return `# HELP ${dcgm} What this field says of a GPU (in units).\n# TYPE ${dcgm} ${kind}\n${gpus.join("")}`;
  });
  return Buffer.from(lines.join(""));
}

function readingFigures(): Figure[] {
  const page = serverPage(5_000_000);
  const bar = { of: "figure", atMost: 60 } as const;
  const reader = createPageSource();
  reader.read(page.toString());
  return [
    {
      figure: `page of ${page.length} bytes, first time: every line checked, names and labels made when they are asked for`,
      measured: cpuMsOf(() => new PageReader<never>().read(page.toString())),
      unit: "ms",
      bar,
    },
    { figure: "the same as samples with maps of labels", measured: cpuMsOf(() => parseMetricsPage(page.toString())), unit: "ms" },
    { figure: "the same as series", measured: cpuMsOf(() => createPageSource().read(page.toString())), unit: "ms" },
    { figure: "the same again, prefixes known", measured: cpuMsOf(() => reader.read(page.toString())), unit: "ms", bar },
  ];
}

function scrapingFigures(): Figure[] {
  const exporters = 32;
  const custom = fields.filter((field) => !gpuFields.includes(field));
  const readers = Array.from({ length: exporters }, () => createPageSource({ customFields: custom }));
  const pages = Array.from({ length: 2 }, (_, call) => readers.map((__, exporter) => dcgmPage(exporter, call)));
  const scrape = (call: number): void => {
    for (const [exporter, reader] of readers.entries()) reader.read(pages[call % 2]?.[exporter]?.toString() ?? "");
  };
  scrape(0);
  const ms = cpuMsOf(scrape);
  return [
    {
      figure: `${exporters} exporters × 8 GPUs × ${fieldCount} fields at 1 Hz: part of a core for reading`,
      measured: ms / 10,
      unit: "%",
      bar: { of: "figure", atMost: 15 },
    },
  ];
}

reportFigures("telemetry", [...readingFigures(), ...scrapingFigures()]);
