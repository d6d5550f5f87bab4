/**
 * How true the stamps are: 50 streams at once, 100 ms to the first token, 10 ms between tokens (each ± 20 %, so that the streams
 * do not march in step), against the built-in server, which writes its own stamps into its chunks.
 * `node bench/truth.ts [requests]`. The errors:
 * - TTFT: the client's figure minus what the server did (first chunk written − request received whole);
 * - its two halves: request sent → received whole by the server, and first chunk written → stamped by the client;
 * - chunks: when the client stamped a chunk minus when the server wrote it.
 * Exit code 1 when a bar is missed.
 */
import Table from "cli-table3";
import { decodeReads } from "../services/common/chunk-stamps.ts";
import { ensureBuilt, machineLine, openRun, percentile, runAssay, startServer } from "./support/assay.ts";

const bars = { p50Ms: 0.2, p99Ms: 2 };
const requests = Number(process.argv[2] ?? 500);

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--ttft", "100", "--itl", "10", "--jitter", "0.2", "--stamps"]);
const run = await runAssay([
  ...["-m", "mock-model", "-u", server.url, "--streaming", "--concurrency", "50", "--request-count", String(requests)],
  ...["--isl", "64", "--osl", "50", "--export-level", "raw"],
]);
await server.stop();
const { ttftMs, requestMs, firstMs, chunkMs } = errorsOf(run.folder);
run.discard();

const table = new Table({ head: ["error", "n", "p50 ms", "p90 ms", "p99 ms", "max ms"], style: { head: [], border: [] } });
for (const [name, errors] of [
  ["TTFT", ttftMs],
  ["  request", requestMs],
  ["  first chunk", firstMs],
  ["every chunk", chunkMs],
] as const) {
  table.push([name, errors.length, ...[0.5, 0.9, 0.99, 1].map((share) => percentile(errors, share).toFixed(3))]);
}
process.stdout.write(`${table}\n`);
const p50 = percentile(ttftMs, 0.5);
const p99 = percentile(ttftMs, 0.99);
const isMet = run.exitCode === 0 && p50 <= bars.p50Ms && p99 <= bars.p99Ms;
process.stdout.write(
  `TTFT error p50 ${p50.toFixed(3)} ms (bar ${bars.p50Ms}), p99 ${p99.toFixed(3)} ms (bar ${bars.p99Ms}); AIPerf 0.13: 10.4 / 92 ms\n`,
);
process.exitCode = isMet ? 0 : 1;

function errorsOf(folder: string): Record<"ttftMs" | "requestMs" | "firstMs" | "chunkMs", Float64Array> {
  const db = openRun(folder);
  const rows = db
    .prepare("SELECT sent_ns, first_content_ns, reads, payload FROM requests JOIN raw USING (credit_id) WHERE error_code IS NULL")
    .all() as {
    sent_ns: number;
    first_content_ns: number;
    reads: Uint8Array;
    payload: Buffer;
  }[];
  db.close();
  const ttft: number[] = [];
  const request: number[] = [];
  const first: number[] = [];
  const chunks: number[] = [];
  for (const row of rows) {
    const { readEnds, readNs } = decodeReads(row.reads);
    const text = row.payload.toString("latin1");
    const received = Number(/"assay_received_ns":"(\d+)"/.exec(text)?.[1]);
    let read = 0;
    let isFirst = true;
    for (const event of text.matchAll(/data: \{[^\n]*"assay_sent_ns":"(\d+)"[^\n]*\n\n/g)) {
      if (!/"content":"[^"]/.test(event[0])) continue;
      const end = event.index + event[0].length;
      while ((readEnds[read] ?? 0) < end) read++;
      const sentNs = Number(event[1]);
      chunks.push((row.sent_ns + (readNs[read] ?? Number.NaN) - sentNs) / 1e6);
      if (!isFirst) continue;
      isFirst = false;
      ttft.push((row.first_content_ns - (sentNs - received)) / 1e6);
      request.push((received - row.sent_ns) / 1e6);
      first.push((row.sent_ns + row.first_content_ns - sentNs) / 1e6);
    }
  }
  const sorted = (values: number[]): Float64Array => Float64Array.from(values).sort();
  return { ttftMs: sorted(ttft), requestMs: sorted(request), firstMs: sorted(first), chunkMs: sorted(chunks) };
}
