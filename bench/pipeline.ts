/**
 * The whole pipeline, 64 at once: `node bench/pipeline.ts [seconds]`. A figure is what was committed over the time from the first send to
 * the last commit of the measured phase of a real run, behind a warm-up phase of 2 s, on a server process that it shares with its yardstick,
 * in turn within the same minute.
 * - small JSON: requests, beside wrk (before and after, the mean);
 * - streams without pause, 200 chunks each: chunks, beside what raw sockets get from the same server.
 */
import { existsSync } from "node:fs";
import { ensureBuilt, machineLine, type RunningServer, runAssay, spanOf, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { driveStreams } from "./support/raw-sockets.ts";
import { noWrk, runCannon, runWrk } from "./support/wrk.ts";

const seconds = Number(process.argv[2] ?? 8);
const connections = 64;
const warmUpSec = Math.min(2, seconds);
const yardstickSec = Math.min(3, seconds);
const chunksPerStream = 200;
const bars: Readonly<Record<string, number>> = { http1: 0.4, undici: 0.25 };

ensureBuilt();
process.stdout.write(machineLine());
const figures = [...(await smallJson()), ...(await streams())];
reportFigures("pipeline", figures);

async function smallJson(): Promise<Figure[]> {
  const server = await startServer(["--osl", "8"]);
  const found: Figure[] = [];
  await runCannon(server.url, connections, 1); // brings the server to temperature
  for (const { name, args } of transports()) {
    const before = runWrk(server.url, connections, yardstickSec)?.ratePerSec ?? Number.NaN;
    const { rate, cpuMs, note } = await committed(server, [...args, "--osl", "8"], ({ rows }) => rows);
    const after = runWrk(server.url, connections, yardstickSec)?.ratePerSec ?? Number.NaN;
    const wrk = (before + after) / 2;
    found.push({
      figure: `small JSON, ${name}: requests committed`,
      measured: rate,
      unit: "/s",
      beside: { what: "wrk", value: wrk },
      bar: { of: "ratio", atLeast: bars[name] ?? 0.25 },
      note: Number.isNaN(wrk) ? noWrk : note,
    });
    found.push({ figure: `small JSON, ${name}: CPU per 1000, whole run`, measured: cpuMs, unit: "ms" });
  }
  found.push({
    figure: "autocannon, same server",
    measured: (await runCannon(server.url, connections, yardstickSec)).ratePerSec,
    unit: "/s",
  });
  await server.stop();
  return found;
}

async function streams(): Promise<Figure[]> {
  const server = await startServer(["--osl", String(chunksPerStream)]);
  const found: Figure[] = [];
  for (const { name, args } of transports()) {
    const own = await serverRate(server);
    const run = [...args, "--streaming", "--osl", String(chunksPerStream)];
    const { rate, note } = await committed(server, run, ({ outputTokens }) => outputTokens);
    found.push({
      figure: `streams without pause, ${name}: chunks committed`,
      measured: rate,
      unit: "/s",
      beside: { what: "raw sockets", value: own },
      bar: { of: "figure", atLeast: 100_000 },
      note,
    });
  }
  await server.stop();
  return found;
}

/** Chunks per second that the server gives to raw sockets. */
async function serverRate(server: RunningServer): Promise<number> {
  const { port } = new URL(server.url);
  const model = "mock-model";
  await driveStreams(Number(port), connections, 1, { model });
  const before = await server.stats();
  const startMs = performance.now();
  await driveStreams(Number(port), connections, yardstickSec, { model });
  const sec = (performance.now() - startMs) / 1000;
  return ((await server.stats()).chunkWrites - before.chunkWrites) / sec;
}

/** One run of so many seconds. */
async function committed(
  server: RunningServer,
  args: readonly string[],
  countOf: (span: ReturnType<typeof spanOf>) => number,
): Promise<{ rate: number; cpuMs: number; note: string | undefined }> {
  const times = ["--warmup-duration", String(warmUpSec), "--benchmark-duration", String(seconds)];
  const load = ["--concurrency", String(connections), ...times, "--workers-max", "1"];
  const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, "--isl", "64", "--no-gpu-telemetry", ...args]);
  if (!existsSync(`${run.folder}/run.db`)) throw new Error("the run left no file");
  const span = spanOf(run.folder);
  run.discard();
  const note = span.failed === 0 ? undefined : `${span.failed} of ${span.rows} requests failed`;
  return { rate: countOf(span) / span.sec, cpuMs: (run.cpuSec / span.sent) * 1e6, note };
}
