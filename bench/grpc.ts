/**
 * Runs over gRPC: `node bench/grpc.ts [seconds per measurement]`.
 *
 * - A worker's sender alone, unary, 64 at once, beside ghz on the same server in the same run: requests of a second of the client's own CPU
 *   against the built-in server, requests per second against a real Triton, which is the limit there (each where it is installed). They take
 *   turns; the best of three rounds counts, the first one warms up.
 * - The same sender with streams that come as fast as they can: messages per second, with a stream for each request and with slots.
 * - Stamps: when a run saw a message less when the server says that it wrote it, at 5 000 and 10 000 messages/s. The first second, in which
 *   all streams begin, is left out.
 * - The same load by OpenAI's API over HTTP and by gRPC on the same server: how far the medians are apart.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { inferMessage } from "../endpoints/kserve/call.ts";
import { tensorOf } from "../endpoints/kserve/tensor/tensor.ts";
import { startRealServer } from "../test/real/real-server.ts";
import { ensureBuilt, machineLine, percentile, runAssay, sorted, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { noGhz, runGhz } from "./support/ghz.ts";
import { type Client, driveGrpc } from "./support/grpc-worker.ts";
import { stampedCalls } from "./support/stamp-errors.ts";

const seconds = Number(process.argv[2] ?? 5);
const rounds = 3;
const unaryAtOnce = 64;
const streamsAtOnce = 16;
const messagesOfStream = 200;
const messagesPerSecOfStream = 50;
const streamSec = 2;
const method = "inference.GRPCInferenceService.ModelInfer";
const servers = process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers");
const unary = inferMessage({
  model: "identity",
  inputs: [tensorOf("INPUT0", "FP32", [16], new Array(16).fill(1))],
  isStreaming: false,
});
const streamed = inferMessage({
  model: "ensemble",
  inputs: [
    tensorOf("text_input", "BYTES", [1, 1], ["Hello there"]),
    tensorOf("max_tokens", "INT32", [1, 1], [messagesOfStream]),
    tensorOf("stream", "BOOL", [1, 1], [true]),
  ],
  outputs: ["text_output"],
  isStreaming: true,
});
const quiet = ["--no-gpu-telemetry", "--random-seed", "7"];

ensureBuilt();
process.stdout.write(machineLine());
const figures: Figure[] = [...(await unaryFigures()), ...(await tritonFigures()), ...(await streamFigures())];
for (const rate of [
  { messagesPerSec: 5_000, p99Ms: 5 },
  { messagesPerSec: 10_000, p99Ms: 3 },
] as const) {
  figures.push(...(await stampFigures(rate.messagesPerSec, rate.p99Ms)));
}
figures.push(...(await parityFigures()));
reportFigures("grpc", figures);

/** The best rounds of both clients, by what is compared; ghz is undefined where it is not installed. */
async function besideGhz(
  address: string,
  better: (one: Client, other: Client) => boolean,
): Promise<{ readonly own: Client; readonly ghz: Client | undefined }> {
  let own: Client | undefined;
  let ghz: Client | undefined;
  for (let round = 0; round <= rounds; round++) {
    const load = { message: unary, concurrency: unaryAtOnce, seconds: round === 0 ? 1 : seconds };
    const ours = await driveGrpc({ ...load, url: `grpc://${address}`, isStreaming: false });
    const theirs = runGhz({ ...load, address, method, connections: 1 });
    if (round === 0) continue;
    if (own === undefined || better(ours, own)) own = ours;
    if (theirs !== undefined && (ghz === undefined || better(theirs, ghz))) ghz = theirs;
  }
  if (own === undefined) throw new Error("nothing was measured");
  return { own, ghz };
}

async function unaryFigures(): Promise<Figure[]> {
  const server = await startServer(["--grpc-port", "0"]);
  const { own, ghz } = await besideGhz(server.grpcAddress, (one, other) => one.cpuUs < other.cpuUs);
  await server.stop();
  const perCpuSec = (client: Client | undefined): number => 1e6 / (client?.cpuUs ?? Number.NaN);
  return [
    {
      figure: "unary, built-in server: requests a CPU second",
      measured: perCpuSec(own),
      unit: "/s",
      beside: { what: "ghz", value: perCpuSec(ghz) },
      bar: { of: "ratio", atLeast: 1 },
      note: ghz === undefined ? noGhz : undefined,
    },
    {
      figure: "unary, built-in server: requests",
      measured: own.ratePerSec,
      unit: "/s",
      beside: { what: "ghz", value: ghz?.ratePerSec ?? Number.NaN },
    },
  ];
}

/** Nothing where no Triton is installed. */
async function tritonFigures(): Promise<Figure[]> {
  const figure = { figure: "unary, real Triton: requests", unit: "/s", bar: { of: "ratio", atLeast: 1 } } as const;
  if (!existsSync(join(servers, "triton/.installed"))) {
    return [{ ...figure, measured: Number.NaN, note: "Triton is not there (test/real/prepare installs it)" }];
  }
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const env = { TRITON_GRPC_PORT: String(grpcPort), TRITON_HTTP_PORT: String(httpPort) };
  const triton = await startRealServer("triton", env, "/v2/health/ready");
  try {
    const { own, ghz } = await besideGhz(`127.0.0.1:${grpcPort}`, (one, other) => one.ratePerSec > other.ratePerSec);
    const beside = { what: "ghz", value: ghz?.ratePerSec ?? Number.NaN };
    return [{ ...figure, measured: own.ratePerSec, beside, note: ghz === undefined ? noGhz : undefined }];
  } finally {
    await triton.stop();
  }
}

async function streamFigures(): Promise<Figure[]> {
  const server = await startServer(["--grpc-port", "0"]);
  const found: Figure[] = [];
  for (const streamPer of ["request", "slot"] as const) {
    const load = { message: streamed, isStreaming: true, concurrency: streamsAtOnce, streamPer };
    const url = `grpc://${server.grpcAddress}`;
    await driveGrpc({ ...load, url, seconds: 1 });
    const { ratePerSec, cpuUs } = await driveGrpc({ ...load, url, seconds });
    const name = `${messagesOfStream} messages an answer, a stream for each ${streamPer}`;
    found.push(
      {
        figure: `${name}: messages`,
        measured: ratePerSec * messagesOfStream,
        unit: "/s",
        bar: { of: "figure", atLeast: 20_000 },
      },
      { figure: `${name}: CPU of a message`, measured: cpuUs / messagesOfStream, unit: "us" },
    );
  }
  await server.stop();
  return found;
}

async function stampFigures(messagesPerSec: number, p99Ms: number): Promise<Figure[]> {
  const server = await startServer([
    "--grpc-port",
    "0",
    "--itl",
    String(1000 / messagesPerSecOfStream),
    "--jitter",
    "0.2",
    "--stamps",
  ]);
  const tokens = streamSec * messagesPerSecOfStream;
  const lengths = ["--isl", "64", "--osl", String(tokens), "--osl-stddev", String(0.2 * tokens)];
  const load = ["--concurrency", String(messagesPerSec / messagesPerSecOfStream), "--benchmark-duration", String(seconds + 1)];
  const type = ["--endpoint-type", "triton_generate", "--streaming", "--export-level", "raw"];
  const run = await runAssay(["-m", "vllm_model", "-u", `grpc://${server.grpcAddress}`, ...type, ...load, ...lengths, ...quiet]);
  const errorsMs: number[] = [];
  let firstNs = Number.POSITIVE_INFINITY;
  for (const { sentNs, sawNs, wroteNs } of stampedCalls(run.folder, "profiling")) {
    firstNs = Math.min(firstNs, sentNs);
    for (const [index, seen] of sawNs.entries()) {
      if (seen < firstNs + 1e9 || seen > firstNs + (seconds + 1) * 1e9) continue;
      errorsMs.push((seen - (wroteNs[index] ?? Number.NaN)) / 1e6);
    }
  }
  run.discard();
  await server.stop();
  const ascending = sorted(errorsMs);
  const name = `${messagesPerSec} messages/s`;
  const seen = { figure: `${name}: seen`, measured: errorsMs.length / seconds, unit: "/s" };
  return [
    { ...seen, beside: { what: "asked", value: messagesPerSec } },
    { figure: `${name}: error p50`, measured: percentile(ascending, 0.5), unit: "ms", bar: { of: "figure", atMost: 0.3 } },
    { figure: `${name}: error p99`, measured: percentile(ascending, 0.99), unit: "ms", bar: { of: "figure", atMost: p99Ms } },
  ];
}

async function parityFigures(): Promise<Figure[]> {
  const server = await startServer(["--grpc-port", "0", "--ttft", "50", "--itl", "10", "--model", "vllm_model"]);
  const load = ["-m", "vllm_model", "--streaming", "--concurrency", "8", "--benchmark-duration", String(2 * seconds)];
  const medians = async (...target: readonly string[]): Promise<Medians> => {
    const warmUp = ["--warmup-request-count", "40"];
    const run = await runAssay([...load, ...warmUp, "--isl", "64", "--osl", "32", ...quiet, ...target]);
    const found = JSON.parse(readFileSync(join(run.folder, "profile_export_aiperf.json"), "utf8")) as Medians;
    run.discard();
    return found;
  };
  const http = await medians("-u", server.url);
  const grpc = await medians("-u", `grpc://${server.grpcAddress}`, "--endpoint-type", "triton_generate");
  await server.stop();
  return (["time_to_first_token", "inter_token_latency", "request_latency"] as const).map((metric) => ({
    figure: `the same load by gRPC and by HTTP: ${metric} p50 apart`,
    measured: Math.abs(grpc[metric].p50 - http[metric].p50),
    unit: "ms",
    bar: { of: "figure", atMost: 0.4 },
    note: `gRPC ${grpc[metric].p50.toFixed(3)} ms, HTTP ${http[metric].p50.toFixed(3)} ms`,
  }));
}

type Medians = Readonly<Record<"time_to_first_token" | "inter_token_latency" | "request_latency", { readonly p50: number }>>;

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
