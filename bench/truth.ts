/**
 * How true the stamps are: 50 streams at once, 100 ms to the first token, 10 ms between tokens (each ± 20 %, so that the streams
 * do not march in step), after a warm-up of 100 requests that brings the server to temperature, against the built-in server,
 * which writes its own stamps into its chunks. `node bench/truth.ts [requests]`. The errors:
 * - TTFT: when the client stamped the first chunk with content, minus when the server wrote it;
 * - every chunk: the same for all;
 * - request: from the client's stamp of sending until the server had read the request whole. The kernel, the server's loop and its
 *   parser are in it: a bare socket that is stamped before its write pays the same, and the last row shows how much.
 * Exit code 1 when a bar is missed.
 */
import { connect } from "node:net";
import Table from "cli-table3";
import { decodeReads } from "../services/common/chunk-stamps.ts";
import { ensureBuilt, machineLine, nowNs, openRun, percentile, runAssay, startServer } from "./support/assay.ts";

const bars = { p50Ms: 0.2, p99Ms: 2 };
const requests = Number(process.argv[2] ?? 500);

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--ttft", "100", "--itl", "10", "--jitter", "0.2", "--stamps"]);
const run = await runAssay([
  ...[
    "-m",
    "mock-model",
    "-u",
    server.url,
    "--streaming",
    "--concurrency",
    "50",
    "--request-count",
    String(requests),
    "--warmup-request-count",
    "100",
  ],
  ...["--isl", "64", "--osl", "50", "--export-level", "raw"],
]);
const bareMs = await bareRequests();
await server.stop();
const { ttftMs, requestMs, chunkMs } = errorsOf(run.folder);
run.discard();

const table = new Table({ head: ["error", "n", "p50 ms", "p90 ms", "p99 ms", "max ms"], style: { head: [], border: [] } });
for (const [name, errors] of [
  ["TTFT", ttftMs],
  ["every chunk", chunkMs],
  ["request", requestMs],
  ["request, bare socket", bareMs],
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

function errorsOf(folder: string): Record<"ttftMs" | "requestMs" | "chunkMs", Float64Array> {
  const db = openRun(folder);
  const rows = db
    .prepare(
      "SELECT sent_ns, first_content_ns, reads, payload FROM requests JOIN raw USING (credit_id) WHERE error_code IS NULL AND phase = 1",
    )
    .all() as {
    sent_ns: number;
    first_content_ns: number;
    reads: Uint8Array;
    payload: Buffer;
  }[];
  db.close();
  const ttft: number[] = [];
  const request: number[] = [];
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
      ttft.push((row.sent_ns + row.first_content_ns - sentNs) / 1e6);
      request.push((received - row.sent_ns) / 1e6);
    }
  }
  const sorted = (values: number[]): Float64Array => Float64Array.from(values).sort();
  return { ttftMs: sorted(ttft), requestMs: sorted(request), chunkMs: sorted(chunks) };
}

/** The floor of the request's error: one socket, one request after the other, stamped right before the write. */
async function bareRequests(): Promise<Float64Array> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await new Promise((resolve) => socket.once("connect", resolve));
  const message = { role: "user", content: "x".repeat(300) };
  const body = JSON.stringify({
    model: "m",
    messages: [message],
    stream: true,
    max_completion_tokens: 1,
    stream_options: { include_usage: true },
  });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const errors: number[] = [];
  for (let index = 0; index < 50; index++) {
    const sentNs = nowNs();
    socket.write(head + body);
    let text = "";
    while (!text.includes("[DONE]")) text += String(await new Promise((resolve) => socket.once("data", resolve)));
    errors.push((Number(/"assay_received_ns":"(\d+)"/.exec(text)?.[1]) - sentNs) / 1e6);
  }
  socket.destroy();
  return Float64Array.from(errors).sort();
}
