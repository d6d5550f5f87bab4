/**
 * How fast the built-in server is, so that nobody has to wonder whether it limits another bench:
 * `node bench/mock.ts [seconds per row]`. The server runs in a process of its own; a row's ratio is to the limit that
 * it must reach on one core. "per core" is the count divided by the server's CPU time, which also holds when other
 * work or the client takes the machine's cores; the wall rate is the lower of what server and client can do here.
 * Exit code 1 when a ratio per core is below 1.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { addFigures } from "./support/figures.ts";
import { chatBody, driveStreams } from "./support/raw-sockets.ts";

const limits = { answersPerSec: 40_000, chunksPerSec: 50_000, pacedPerSec: 24_000 };
const connections = 64;
const chatPath = "/v1/chat/completions";

interface Server {
  readonly url: string;
  readonly port: number;
  stats(): Promise<Stats>;
  stop(): Promise<void>;
}

interface Stats {
  readonly requests: number;
  readonly chunksWritten: number;
  readonly chunkWrites: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
}

interface Row {
  readonly name: string;
  readonly limitPerSec: number;
  readonly count: number;
  readonly wallSec: number;
  readonly cpuSec: number;
  readonly note: string;
}

const seconds = Number(process.argv[2] ?? 5);
const [loadBefore = 0] = loadavg();
process.stdout.write(
  `${availableParallelism()} cores, load average ${loadBefore.toFixed(2)} before: other work lowers every figure\n`,
);
const rows = [await benchAnswers(), await benchChunks([]), await benchChunks(["--stamps"]), await benchPaced()];
process.stdout.write(`${tableOf(rows)}\n`);
addFigures(
  "mock",
  rows.map(({ name, limitPerSec, count, cpuSec }) => {
    return { figure: `${name}, per core`, measured: count / cpuSec, unit: "/s", bar: { of: "figure", atLeast: limitPerSec } };
  }),
);

/** Small JSON answers to wrk, or to autocannon where there is no wrk. */
async function benchAnswers(): Promise<Row> {
  const server = await startServer(["--osl", "8"]);
  const hasWrk = spawnSync("wrk", ["-v"]).error === undefined;
  if (!hasWrk)
    process.stderr.write("wrk is not installed: autocannon drives the JSON row and is itself slower than the server\n");
  const drive = hasWrk ? driveWithWrk : driveWithAutocannon;
  await drive(server, Math.min(2, seconds)); // warm-up
  const row = await measure(server, "small JSON answers", limits.answersPerSec, "requests", () => drive(server, seconds));
  return { ...row, note: hasWrk ? `wrk, ${connections} connections` : "autocannon (wrk is absent)" };
}

/** Separate chunk writes to raw sockets that ask again as soon as an answer is whole. */
async function benchChunks(flags: readonly string[]): Promise<Row> {
  const server = await startServer(["--osl", "200", ...flags]);
  const name = ["separate chunk writes", ...flags].join(" ");
  await driveStreams(server.port, connections, Math.min(2, seconds));
  const row = await measure(server, name, limits.chunksPerSec, "chunkWrites", () =>
    driveStreams(server.port, connections, seconds),
  );
  return { ...row, note: `raw sockets, ${connections} connections` };
}

/** Timed chunks: 500 streams of 50/s, and how late each was after its place on the stream's own grid. */
async function benchPaced(): Promise<Row> {
  const streams = 500;
  const itlMs = 20;
  const server = await startServer(["--osl", "50", "--itl", `${itlMs}`, "--ttft", "20", "--stamps"]);
  const drive = (forSec: number, whole?: (answer: Buffer) => void) =>
    driveStreams(server.port, streams, forSec, { whole, spreadMs: itlMs });
  await drive(Math.min(2, seconds));
  const lateMs: number[] = [];
  const row = await measure(server, `timed chunks, ${streams} × 50/s asked`, limits.pacedPerSec, "chunkWrites", () =>
    drive(seconds, (answer) => lateMs.push(...latenessOf(answer.toString("latin1"), itlMs))),
  );
  lateMs.sort((a, b) => a - b);
  const at = (part: number) => (lateMs[Math.floor(part * (lateMs.length - 1))] ?? Number.NaN).toFixed(2);
  return { ...row, note: `off the grid of chunk 0: p1 ${at(0.01)}, p50 ${at(0.5)}, p99 ${at(0.99)} ms` };
}

/** Stamp minus (first content stamp + i·ITL), in ms, for every content chunk after the first. */
function latenessOf(answer: string, itlMs: number): number[] {
  const stamps = [...answer.matchAll(/"assay_sent_ns":"(\d+)"[^\n]*"content":" /g)].map((match) => Number(match[1]));
  const first = stamps[0] ?? 0;
  return stamps.slice(1).map((stamp, i) => (stamp - first) / 1e6 - (i + 1) * itlMs);
}

async function measure(
  server: Server,
  name: string,
  limitPerSec: number,
  counter: "requests" | "chunkWrites",
  drive: () => Promise<void>,
): Promise<Omit<Row, "note">> {
  const before = await server.stats();
  const start = performance.now();
  await drive();
  const wallSec = (performance.now() - start) / 1000;
  const after = await server.stats();
  await server.stop();
  const cpuUs = after.cpuUserUs + after.cpuSystemUs - before.cpuUserUs - before.cpuSystemUs;
  return { name, limitPerSec, count: after[counter] - before[counter], wallSec, cpuSec: cpuUs / 1e6 };
}

function tableOf(measured: readonly Row[]): string {
  const table = new Table({
    head: ["row", "limit /s", "wall /s", "ratio", "server CPU", "µs each", "per core /s", "ratio", "driven by"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right", "left"],
    style: { head: [], border: [] },
  });
  for (const { name, limitPerSec, count, wallSec, cpuSec, note } of measured) {
    const wall = count / wallSec;
    const core = count / cpuSec;
    const ratio = (rate: number) => `${(rate / limitPerSec).toFixed(2)}×`;
    const cpu = `${((100 * cpuSec) / wallSec).toFixed(0)} %`;
    const each = ((1e6 * cpuSec) / count).toFixed(1);
    table.push([name, limitPerSec, wall.toFixed(0), ratio(wall), cpu, each, core.toFixed(0), ratio(core), note]);
  }
  return table.toString();
}

async function startServer(flags: readonly string[]): Promise<Server> {
  const main = fileURLToPath(new URL("../mock/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "--port", "0", ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  const line = await firstLine(child);
  const url = /^listening on (http:\S+)$/.exec(line)?.[1];
  if (url === undefined) throw new Error(`the server did not start: ${line}`);
  return {
    url,
    port: Number(new URL(url).port),
    stats: async () => (await fetch(`${url}/stats`)).json() as Promise<Stats>,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server exited with ${code}`)));
    if (child.stdout !== null) createInterface(child.stdout).once("line", resolve);
  });
}

function driveWithWrk(server: Server, forSec: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-"));
  const script = join(folder, "post.lua");
  writeFileSync(script, `wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[[${chatBody(false)}]]\n`);
  const args = ["-t1", `-c${connections}`, `-d${Math.ceil(forSec)}s`, "-s", script, server.url + chatPath];
  return finished("wrk", args).finally(() => rmSync(folder, { recursive: true }));
}

function driveWithAutocannon(server: Server, forSec: number): Promise<void> {
  const program = fileURLToPath(import.meta.resolve("autocannon"));
  const request = ["-m", "POST", "-H", "content-type=application/json", "-b", chatBody(false)];
  const load = ["-c", `${connections}`, "-d", `${Math.ceil(forSec)}`];
  return finished(process.execPath, [program, "--no-progress", ...request, ...load, server.url + chatPath]);
}

function finished(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${program} exited with ${code}`))));
  });
}
