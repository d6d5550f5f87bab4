/**
 * What a stamp of a chunk is off by, at 5 000, 20 000 and 40 000 chunks/s: `node bench/stamps.ts [seconds per rate]`. Streams of 50 chunks/s each
 * (± 20 %) against the built-in server, of lengths that differ by a fifth, so that they do not all end at once; the error is when the client
 * saw a chunk, less when the server wrote it. Chunks of the first second, in which all streams begin, are left out. Rows named "waves" have
 * streams of one length: all end and begin together, every two seconds.
 */
import { ensureBuilt, machineLine, percentile, runAssay, sorted, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { stampedStreams } from "./support/stamp-errors.ts";

const seconds = Number(process.argv[2] ?? 6);
const chunksPerSecOfStream = 50;
const streamSec = 2;
const oslStddev = 0.2 * streamSec * chunksPerSecOfStream;
const p50Ms = 0.06;
const rates = [
  { chunksPerSec: 5_000, p99Ms: 0.6 },
  { chunksPerSec: 20_000, p99Ms: 2 },
  { chunksPerSec: 40_000, p99Ms: 5 },
] as const;

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--itl", String(1000 / chunksPerSecOfStream), "--jitter", "0.2", "--stamps"]);
const figures: Figure[] = [];
for (const { name, args } of transports()) {
  for (const rate of rates) {
    const [seen, p50, p99] = await measured(name, args, rate.chunksPerSec, oslStddev);
    figures.push(seen, { ...p50, bar: { of: "figure", atMost: p50Ms } }, { ...p99, bar: { of: "figure", atMost: rate.p99Ms } });
  }
  figures.push(...(await measured(`${name}, waves`, args, 20_000, 0)));
}
await server.stop();
reportFigures("stamps", figures);

async function measured(
  what: string,
  args: readonly string[],
  chunksPerSec: number,
  stddev: number,
): Promise<readonly [seen: Figure, p50: Figure, p99: Figure]> {
  const load = [
    "--streaming",
    "--concurrency",
    String(chunksPerSec / chunksPerSecOfStream),
    "--benchmark-duration",
    String(seconds),
  ];
  const lengths = ["--isl", "64", "--osl", String(streamSec * chunksPerSecOfStream), "--osl-stddev", String(stddev)];
  const output = ["--export-level", "raw", "--no-gpu-telemetry", "--random-seed", "7"];
  const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, ...lengths, ...output, ...args]);
  const errorsMs: number[] = [];
  const sawNs: number[] = [];
  let firstNs = Number.POSITIVE_INFINITY;
  for (const stream of stampedStreams(run.folder, "profiling")) {
    firstNs = Math.min(firstNs, stream.sentNs);
    for (const [index, seen] of stream.sawNs.entries()) {
      if (seen < firstNs + 1e9 || seen > firstNs + seconds * 1e9) continue;
      sawNs.push(seen);
      errorsMs.push((seen - (stream.wroteNs[index] ?? Number.NaN)) / 1e6);
    }
  }
  run.discard();
  const ascending = sorted(errorsMs);
  const name = `${chunksPerSec} chunks/s, ${what}`;
  const rate = sawNs.length / (seconds - 1);
  return [
    { figure: `${name}: chunks seen`, measured: rate, unit: "/s", beside: { what: "asked", value: chunksPerSec } },
    { figure: `${name}: error p50`, measured: percentile(ascending, 0.5), unit: "ms" },
    { figure: `${name}: error p99`, measured: percentile(ascending, 0.99), unit: "ms" },
  ];
}
