/**
 * How true TTFT and ITL are: 50 streams at once of 100 tokens, 100 ms to the first and 10 ms between them (each ± 20 %, so that the
 * streams do not march in step), after a warm-up of 100 requests that brings the server to temperature, against the built-in server,
 * which writes its own stamps into its chunks. `node bench/truth.ts [requests]`. Client minus server:
 * - TTFT: the stamp of the first chunk with content, less when the server wrote it;
 * - ITL: the mean gap of a stream, and every gap;
 * - request: from the stamp of sending until the server had read the request whole. The kernel, the server's loop and its
 *   parser are in it: a bare socket that is stamped before its write pays the same, and a row shows how much.
 */
import { connect } from "node:net";
import { ensureBuilt, machineLine, mean, nowNs, percentile, runAssay, sorted, startServer, transports } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { stampedStreams } from "./support/stamp-errors.ts";

const requests = Number(process.argv[2] ?? 300);
const tokens = 100;
const bars = { meanMs: 0.15, p99Ms: 1 };

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--ttft", "100", "--itl", "10", "--jitter", "0.2", "--stamps"]);
const figures: Figure[] = [];
for (const { name, args } of transports()) figures.push(...(await measured(name, args)));
figures.push(...figuresOf("request, bare socket", await bareRequests()));
await server.stop();
reportFigures("truth", figures);

async function measured(transport: string, args: readonly string[]): Promise<Figure[]> {
  const counts = ["--concurrency", "50", "--request-count", String(requests), "--warmup-request-count", "100"];
  const load = ["--streaming", ...counts, "--isl", "64", "--osl", String(tokens), "--export-level", "raw"];
  const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, "--no-gpu-telemetry", ...args]);
  const ttft: number[] = [];
  const itl: number[] = [];
  const gaps: number[] = [];
  const sent: number[] = [];
  for (const { sentNs, receivedNs, wroteNs, sawNs, firstContentNs } of stampedStreams(run.folder, "profiling")) {
    const last = wroteNs.length - 1;
    const at = (stamps: readonly number[], index: number): number => stamps[index] ?? Number.NaN;
    ttft.push((firstContentNs - at(wroteNs, 0)) / 1e6);
    itl.push((at(sawNs, last) - at(sawNs, 0) - (at(wroteNs, last) - at(wroteNs, 0))) / last / 1e6);
    for (let index = 1; index <= last; index++) {
      gaps.push((at(sawNs, index) - at(sawNs, index - 1) - (at(wroteNs, index) - at(wroteNs, index - 1))) / 1e6);
    }
    sent.push((receivedNs - sentNs) / 1e6);
  }
  run.discard();
  const size = (errors: readonly number[]): number[] => errors.map(Math.abs);
  return [
    ...figuresOf(`TTFT, ${transport}`, ttft, bars),
    ...figuresOf(`ITL of a stream, ${transport}`, size(itl), bars),
    ...figuresOf(`every gap, ${transport}`, size(gaps)),
    ...figuresOf(`request, ${transport}`, sent),
  ];
}

/** Mean, p50 and p99 of errors in ms. */
function figuresOf(name: string, errors: readonly number[], limits?: typeof bars): Figure[] {
  const ascending = sorted(errors);
  const bar = (atMost: number | undefined): Figure["bar"] => (atMost === undefined ? undefined : { of: "figure", atMost });
  return [
    { figure: `${name}: mean error`, measured: mean(ascending), unit: "ms", bar: bar(limits?.meanMs) },
    { figure: `${name}: p50`, measured: percentile(ascending, 0.5), unit: "ms" },
    {
      figure: `${name}: p99`,
      measured: percentile(ascending, 0.99),
      unit: "ms",
      bar: bar(limits?.p99Ms),
      note: `of ${errors.length}`,
    },
  ];
}

/** The floor of the request's error: one socket, one request after the other, stamped right before the write. */
async function bareRequests(): Promise<number[]> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await new Promise((resolve) => socket.once("connect", resolve));
  const body = JSON.stringify({
    model: "mock-model",
    messages: [{ role: "user", content: "x".repeat(300) }],
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
  return errors;
}
