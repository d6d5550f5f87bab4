/**
 * What an open stream costs a worker: `node bench/memory.ts [seconds to watch] [streams]`. All streams are open at once on one worker and get a chunk
 * every five seconds, with the role, content and JSON of a real one. Memory is the proportional set size of the worker's process:
 * less what the streams have received (kept until they end), over that of the same worker with 16 streams; and how it grows from
 * the first to the last third of the watched time. On a quiet machine watch 600 s.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ensureBuilt, machineLine, mean, pssOf, runAssay, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { smallBody } from "./support/wrk.ts";

const watchSec = Number(process.argv[2] ?? 30);
const streams = Number(process.argv[3] ?? 10_000);
const fewStreams = 16;
const settleSec = 15;
const chunkEverySec = 5;
const sampleMs = 1000;
const openTimeoutMs = 60_000;
/** Tells a worker's command line from those of other processes; arguments end with a 0. */
const workerArgument = "--services=worker\0";

/** Of the worker while all its streams are open, one sample a second. */
interface Watched {
  /** Its memory less what the streams have received, in bytes. */
  readonly ownBytes: readonly number[];
  /** What a stream had received at last, in bytes. */
  readonly keptBytes: number;
}

ensureBuilt();
process.stdout.write(machineLine());
const figures: Figure[] = [];
for (const { name, args } of transports()) {
  const few = await watched(fewStreams, 5, args);
  const many = await watched(streams, watchSec, args);
  const base = Math.min(...few.ownBytes);
  const third = Math.floor(many.ownBytes.length / 3);
  const [first, last] = [mean(many.ownBytes.slice(0, third)), mean(many.ownBytes.slice(-third))];
  const what = `${streams} open streams, ${name}`;
  figures.push(
    {
      figure: `${what}: worker's memory a stream, less its payload`,
      measured: (last - base) / streams / 1000,
      unit: "KB",
      beside: { what: "payload", value: many.keptBytes / 1000 },
      bar: { of: "figure", atMost: 10 },
    },
    {
      figure: `${what}: growth a stream over ${watchSec} s`,
      measured: (last - first) / streams / 1000,
      unit: "KB",
      bar: { of: "figure", atMost: 1 },
    },
  );
}
reportFigures("memory", figures);

async function watched(count: number, forSec: number, args: readonly string[]): Promise<Watched> {
  const server = await startServer(["--itl", String(chunkEverySec * 1000), "--ttft", "100"]);
  const load = [
    "--concurrency",
    String(count),
    "--benchmark-duration",
    String(settleSec + forSec + 5),
    "--benchmark-grace-period",
    "0",
  ];
  const request = ["--streaming", "--isl", "16", "--osl", "100000", "--workers-max", "1", "--no-gpu-telemetry"];
  const chunkBytes = await contentBytes(server.url);
  const ownBytes: number[] = [];
  let keptBytes = 0;
  const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, ...request, ...args], {
    isFailureExpected: true,
    onStarted: (pid) => void watch(pid).catch((error: unknown) => process.stderr.write(`${String(error)}\n`)),
  });
  run.discard();
  await server.stop();
  if (ownBytes.length < 3) throw new Error(`${count} streams were not open at once`);
  return { ownBytes, keptBytes };

  async function watch(pid: number): Promise<void> {
    const openedBy = Date.now() + openTimeoutMs;
    while ((await server.stats()).openConnections < count && Date.now() < openedBy) await delay(sampleMs);
    await delay((settleSec / 2) * 1000);
    const endMs = Date.now() + forSec * 1000;
    while (Date.now() < endMs) {
      const { chunksWritten, openConnections } = await server.stats();
      if (openConnections < count) return;
      keptBytes = (chunksWritten / count) * chunkBytes;
      ownBytes.push(pssOf(pid, workerArgument).bytes - keptBytes * count);
      await delay(sampleMs);
    }
  }
}

/** Bytes of an event with content. */
async function contentBytes(url: string): Promise<number> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ ...JSON.parse(smallBody), stream: true, max_completion_tokens: 1 }),
  });
  const events = (await answer.text()).split("\n\n");
  return 2 + (events.find((event) => /"content":"[^"]/.test(event))?.length ?? Number.NaN);
}
