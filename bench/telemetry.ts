/**
 * Telemetry from pages to rows: `node bench/telemetry.ts [seconds per row]`.
 * Reading alone: a page of a server with many series, 5 MB, for the first time and again, as lines and as series; the bar is 60 ms of a core. The pages of 32
 * exporters with 8 GPUs and 60 fields, again and again with other values.
 * The whole way: the same exporters in a process of their own, scraped over HTTP by a telemetry process, which sends to a records process, which commits to
 * `run.db`; the bars are 15 % of a core at one scrape a second of each, 40 % at three, for either process.
 * Beside a run: what a stamp of a chunk is off by (`bench/stamps.ts`) at 5 000 chunks/s while all that is scraped, beside runs that scrape nothing, before and
 * after. On a machine of few cores the exporters and the server take part in it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PageReader } from "../services/telemetry/core/exposition/page-reader.ts";
import { createPageSource } from "../services/telemetry/core/sources/page.ts";
import { parseMetricsPage } from "../test/support/metrics-page.ts";
import { ensureBuilt, machineLine, percentile, runAssay, sorted, startServer } from "./support/assay.ts";
import { customFields, customList, dcgmPage, exporterCount, fieldCount, gpuCount } from "./support/dcgm-pages.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { Side } from "./support/side.ts";
import { chunkErrorsMs } from "./support/stamp-errors.ts";

const seconds = Number(process.argv[2] ?? 2);
const rates = [
  { perSec: 1, atMost: 15 },
  { perSec: 3, atMost: 40 },
] as const;
const startsWithinMs = 20_000;
const chunksPerSec = 5_000;
const chunksPerSecOfStream = 50;
const streamSec = 2;
/** Chunks of the first second, in which all streams begin, are left out. */
const stampSec = Math.max(2, 2 * seconds);

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
  const readers = Array.from({ length: exporterCount }, () => createPageSource({ customFields }));
  const pages = Array.from({ length: 2 }, (_, call) => readers.map((__, exporter) => dcgmPage(exporter, call)));
  const scrape = (call: number): void => {
    for (const [exporter, reader] of readers.entries()) reader.read(pages[call % 2]?.[exporter]?.toString() ?? "");
  };
  scrape(0);
  const ms = cpuMsOf(scrape);
  return [
    {
      figure: `${exporterCount} exporters × ${gpuCount} GPUs × ${fieldCount} fields at 1 Hz: part of a core for reading alone`,
      measured: ms / 10,
      unit: "%",
    },
  ];
}

/** CPU of either process over the whole way, at one rate. */
async function wholeFigures(urls: readonly string[], { perSec, atMost }: (typeof rates)[number]): Promise<Figure[]> {
  const records = await Side.start("records-side");
  const telemetry = await Side.start("telemetry-side", records.address, String(Math.round(1000 / perSec)), ...urls);
  // Series are declared with their first values.
  const untilMs = performance.now() + startsWithinMs;
  while ((await telemetry.used()).count < 2 * urls.length && performance.now() < untilMs) await delay(100);
  const before = [await telemetry.used(), await records.used()] as const;
  const startMs = performance.now();
  await delay(1000 * Math.max(2, 2.5 * seconds));
  const after = [await telemetry.used(), await records.used()] as const;
  const sec = (performance.now() - startMs) / 1000;
  await telemetry.stop();
  await records.stop();
  const share = (side: 0 | 1): number => (after[side].cpuUs - before[side].cpuUs) / sec / 1e4;
  const bar = { of: "figure", atMost } as const;
  const scrapes = (after[0].count - before[0].count) / sec;
  return [
    {
      figure: `the whole way at ${perSec} Hz: scrapes committed`,
      measured: scrapes,
      unit: "/s",
      beside: { what: "asked", value: perSec * urls.length },
    },
    { figure: `the whole way at ${perSec} Hz: part of a core, telemetry`, measured: share(0), unit: "%", bar },
    { figure: `the whole way at ${perSec} Hz: part of a core, records process`, measured: share(1), unit: "%", bar },
  ];
}

/** What workers' stamps are off by in runs without telemetry, with it at each rate, and without it again. */
async function stampFigures(urls: readonly string[]): Promise<Figure[]> {
  ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-fields-"));
  const list = join(folder, "fields.csv");
  writeFileSync(list, customList);
  const server = await startServer(["--itl", String(1000 / chunksPerSecOfStream), "--jitter", "0.2", "--stamps"]);
  const none = ["--no-gpu-telemetry", "--no-server-metrics"];
  const errorsWith = async (telemetry: readonly string[]): Promise<number[]> => {
    const load = [
      "--streaming",
      "--concurrency",
      String(chunksPerSec / chunksPerSecOfStream),
      "--benchmark-duration",
      String(stampSec),
    ];
    const osl = streamSec * chunksPerSecOfStream;
    const lengths = ["--isl", "64", "--osl", String(osl), "--osl-stddev", String(0.2 * osl)];
    const output = ["--export-level", "raw", "--random-seed", "7"];
    const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, ...lengths, ...output, ...telemetry]);
    const errors = chunkErrorsMs(run.folder, stampSec);
    run.discard();
    return errors;
  };
  const before = await errorsWith(none);
  const scraped = new Map<number, number[]>();
  for (const { perSec } of rates) {
    const interval = ["--telemetry-interval", String(Math.round(1000 / perSec)), "--no-server-metrics"];
    scraped.set(perSec, await errorsWith(["--gpu-telemetry", ...urls, list, ...interval]));
  }
  const without = sorted([...before, ...(await errorsWith(none))]);
  await server.stop();
  rmSync(folder, { recursive: true });
  return [...scraped].flatMap(([perSec, errors]) =>
    (
      [
        [0.5, 1.25],
        [0.99, 1.5],
      ] as const
    ).map(([rank, atMost]): Figure => {
      return {
        figure: `a run of ${chunksPerSec} chunks/s, all of it scraped at ${perSec} Hz: stamp error p${100 * rank}`,
        measured: percentile(sorted(errors), rank),
        unit: "ms",
        beside: { what: "nothing scraped", value: percentile(without, rank) },
        bar: { of: "ratio", atMost },
      };
    }),
  );
}

process.stdout.write(machineLine());
const figures = [...readingFigures(), ...scrapingFigures()];
const exporters = await Side.start("exporters-side");
const urls = exporters.address.split(" ");
for (const rate of rates) figures.push(...(await wholeFigures(urls, rate)));
figures.push(...(await stampFigures(urls)));
await exporters.stop();
reportFigures("telemetry", figures);
