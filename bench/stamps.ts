/**
 * What a stamp of a chunk is off by, at 5 000, 20 000 and 40 000 chunks/s: `node bench/stamps.ts [seconds per rate]`. Streams of 50 chunks/s each
 * (± 20 %) against the built-in server, of lengths that differ by a fifth, so that they do not all end at once; the error is when the client
 * saw a chunk, less when the server wrote it. Chunks of the first second, in which all streams begin, are left out. Rows named "waves" have
 * streams of one length: all end and begin together, every two seconds.
 * Beside each error stands that of bare sockets, which stamp a read and keep it, with as many streams on the same server: what the machine and
 * Node take by themselves.
 */
import { ensureBuilt, machineLine, nowNs, percentile, runAssay, sorted, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { driveStreams } from "./support/raw-sockets.ts";
import { chunkErrorsMs, wroteOf } from "./support/stamp-errors.ts";

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
const bare = new Map<number, Float64Array>();
for (const { chunksPerSec } of rates) bare.set(chunksPerSec, await bareErrors(chunksPerSec));
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
  const errorsMs = chunkErrorsMs(run.folder, seconds);
  run.discard();
  const ascending = sorted(errorsMs);
  const name = `${chunksPerSec} chunks/s, ${what}`;
  const rate = errorsMs.length / (seconds - 1);
  const error = (label: string, share: number): Figure => ({
    figure: `${name}: error ${label}`,
    measured: percentile(ascending, share),
    unit: "ms",
    beside: { what: "bare sockets", value: percentile(bare.get(chunksPerSec) ?? new Float64Array(), share) },
  });
  return [
    { figure: `${name}: chunks seen`, measured: rate, unit: "/s", beside: { what: "asked", value: chunksPerSec } },
    error("p50", 0.5),
    error("p99", 0.99),
  ];
}

/** Errors of bare sockets with streams of the same length, whose first requests are spread over a stream's duration, in ms, ascending. */
async function bareErrors(chunksPerSec: number): Promise<Float64Array> {
  const reads: { readonly sawNs: number; readonly bytes: Buffer }[] = [];
  const { port } = new URL(server.url);
  const startNs = nowNs();
  await driveStreams(Number(port), chunksPerSec / chunksPerSecOfStream, seconds, {
    model: "mock-model",
    outputTokens: streamSec * chunksPerSecOfStream,
    spreadMs: streamSec * 1000,
    read: (bytes) => reads.push({ sawNs: nowNs(), bytes }),
  });
  const counted = reads.filter(({ sawNs }) => sawNs > startNs + (streamSec + 1) * 1e9);
  return sorted(counted.flatMap(({ sawNs, bytes }) => wroteOf(bytes).map((wroteNs) => (sawNs - wroteNs) / 1e6)));
}
