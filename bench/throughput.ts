/**
 * Requests per second without streaming, 64 at once, beside autocannon on the same server in the same run:
 * `node bench/throughput.ts [requests]`. Assay's figure is rows over (last commit − first send); autocannon's is its own.
 * wrk is run too where it is installed.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import Table from "cli-table3";
import { ensureBuilt, machineLine, openRun, runAssay, startServer } from "./support/assay.ts";

const requests = Number(process.argv[2] ?? 10_000);
const connections = 64;
const body = JSON.stringify({
  model: "mock-model",
  messages: [{ role: "user", content: "x".repeat(256) }],
  max_completion_tokens: 8,
});

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--osl", "8"]);
const table = new Table({
  head: ["client", "requests", "req/s", "of autocannon", "client CPU s per 1000"],
  style: { head: [], border: [] },
});

await runCannon(1);
const before = process.cpuUsage();
const { rate: cannonRate, requests: cannonRequests } = await runCannon(3);
const cpu = process.cpuUsage(before);
table.push([
  "autocannon, 64 connections, 3 s",
  cannonRequests,
  cannonRate.toFixed(0),
  "1.00",
  (((cpu.user + cpu.system) / 1e6 / cannonRequests) * 1000).toFixed(3),
]);

for (const workers of [1, 2]) {
  const run = await runAssay([
    ...["-m", "mock-model", "-u", server.url, "--concurrency", String(connections), "--request-count", String(requests)],
    ...["--isl", "64", "--osl", "8", "--workers-max", String(workers), "--no-gpu-telemetry"],
  ]);
  const db = openRun(run.folder);
  const { rows, first, last } = db
    .prepare("SELECT count(*) AS rows, min(sent_ns) AS first, max(sent_ns + end_ns) AS last FROM requests")
    .get() as {
    rows: number;
    first: number;
    last: number;
  };
  const closed = db.prepare("SELECT max(ns) AS ns FROM events WHERE kind = 'records_complete'").get() as { ns: number };
  db.close();
  run.discard();
  const sentRate = rows / ((last - first) / 1e9);
  const committedRate = rows / ((closed.ns - first) / 1e9);
  const cpuPer1000 = ((run.cpuSec / rows) * 1000).toFixed(3);
  table.push([
    `assay, ${workers} worker${workers > 1 ? "s" : ""}: answered`,
    rows,
    sentRate.toFixed(0),
    (sentRate / cannonRate).toFixed(2),
    cpuPer1000,
  ]);
  table.push([
    `assay, ${workers} worker${workers > 1 ? "s" : ""}: committed`,
    rows,
    committedRate.toFixed(0),
    (committedRate / cannonRate).toFixed(2),
    "",
  ]);
}
const wrk = runWrk();
if (wrk !== undefined) table.push(["wrk, 64 connections", "", wrk.toFixed(0), (wrk / cannonRate).toFixed(2), ""]);
await server.stop();
process.stdout.write(`${table}\nCPU of assay is of the whole run, start-up and statistics included.\n`);

/** By duration: with a count it reports whole seconds. */
async function runCannon(sec: number): Promise<{ rate: number; requests: number }> {
  const result = await autocannon({
    url: `${server.url}/v1/chat/completions`,
    connections,
    duration: sec,
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return { rate: result["2xx"] / result.duration, requests: result["2xx"] };
}

function runWrk(): number | undefined {
  const folder = mkdtempSync(join(tmpdir(), "assay-wrk-"));
  const script = join(folder, "post.lua");
  writeFileSync(
    script,
    `wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = ${JSON.stringify(body)}\n`,
  );
  const { stdout, error } = spawnSync(
    "wrk",
    ["-t1", `-c${connections}`, "-d3s", "-s", script, `${server.url}/v1/chat/completions`],
    { encoding: "utf8" },
  );
  rmSync(folder, { recursive: true });
  return error === undefined ? Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]) : undefined;
}
