/**
 * How long a slot of a closed loop stands empty between the end of an answer and the next send: `node bench/closed-loop.ts [seconds]`. Answers take
 * about 10 ms, so that the machine has time; the moments are the worker's own. The k-th completion frees the slot of the
 * (k + concurrency)-th send.
 */
import { ensureBuilt, machineLine, openRun, percentile, runAssay, sorted, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";

const seconds = Number(process.argv[2] ?? 4);
const barMs = 0.15;

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--ttft", "5", "--itl", "1", "--osl", "5"]);
const figures: Figure[] = [];
for (const { name, args } of transports()) {
  for (const concurrency of [1, 16]) {
    const load = ["--concurrency", String(concurrency), "--benchmark-duration", String(seconds), "--workers-max", "1"];
    const request = ["--streaming", "--isl", "32", "--osl", "5", "--no-gpu-telemetry"];
    const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, ...request, ...args]);
    const gapsMs = gapsOf(run.folder, concurrency);
    run.discard();
    const what = `${concurrency} at once, ${name}: completion to next send`;
    const bar = { of: "figure", atMost: barMs } as const;
    figures.push({ figure: `${what}, p50`, measured: percentile(gapsMs, 0.5), unit: "ms", bar, note: `of ${gapsMs.length}` });
    figures.push({ figure: `${what}, p99`, measured: percentile(gapsMs, 0.99), unit: "ms" });
  }
}
await server.stop();
reportFigures("closed-loop", figures);

function gapsOf(folder: string, concurrency: number): Float64Array {
  const db = openRun(folder);
  const rows = db.prepare("SELECT sent_ns AS sentNs, end_ns AS tookNs FROM requests WHERE NOT is_cancelled").all() as {
    sentNs: number;
    tookNs: number;
  }[];
  db.close();
  const sent = sorted(rows.map(({ sentNs }) => sentNs));
  const ended = sorted(rows.map(({ sentNs, tookNs }) => sentNs + tookNs));
  return sent
    .subarray(concurrency)
    .map((ns, index) => (ns - (ended[index] ?? Number.NaN)) / 1e6)
    .sort();
}
