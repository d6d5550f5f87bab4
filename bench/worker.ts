/**
 * The worker alone: credits made here, records discarded, small JSON, 64 at once, over each transport, beside autocannon and wrk
 * (where it is installed) on the same built-in server in the same run: `node bench/worker.ts [seconds]`.
 * The server needs more of a core than any client, so that rates say little; the ratio is of requests per second of the client's
 * own CPU, which is what it makes of one core. Every figure is the best of its rounds, which take turns.
 */
import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import Table from "cli-table3";
import { RunSpecSchema, TransportKind } from "../gen/assay/common/v1/run_spec_pb.js";
import { TurnSchema } from "../gen/assay/dataset/v1/dataset_pb.js";
import { monotonicNs } from "../services/common/clock.ts";
import { createPath } from "../services/worker/request-path.ts";
import { Sender } from "../services/worker/sender.ts";
import { ensureBuilt, machineLine, startServer } from "./support/assay.ts";
import { creditOf } from "./support/credit.ts";
import { addFigures, type Figure } from "./support/figures.ts";
import { noWrk, runCannon, runWrk } from "./support/wrk.ts";

const seconds = Number(process.argv[2] ?? 3);
const connections = 64;
const rounds = 3;
const clock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };
const prompt = "x".repeat(256);

/** What one client made of its time. */
interface Client {
  readonly ratePerSec: number;
  /** CPU of the client per request. */
  readonly cpuUs: number;
}

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--osl", "8"]);
const clients: readonly (readonly [name: string, run: () => Promise<Client | undefined>])[] = [
  ["wrk", async () => wrk()],
  ["autocannon", () => measured(async () => (await runCannon(server.url, connections, seconds)).requests)],
  ["worker, http1", () => measured(() => runWorker(TransportKind.HTTP1))],
  ["worker, undici", () => measured(() => runWorker(TransportKind.UNDICI))],
];
const best = new Map<string, Client>();
// The first round warms everybody up and counts for nothing.
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of clients) {
    const figure = await run();
    if (round === 0 || figure === undefined || figure.cpuUs >= (best.get(name)?.cpuUs ?? Number.POSITIVE_INFINITY)) continue;
    best.set(name, figure);
  }
}
await server.stop();
const table = new Table({
  head: ["client, 64 connections", "req/s", "client CPU us per request", "req per CPU s", "of wrk", "of autocannon"],
  style: { head: [], border: [] },
});
for (const [name] of clients) {
  const figure = best.get(name);
  const of = (other: string): string => shareOf(figure, best.get(other));
  const [rate, cpu, perCore] =
    figure === undefined
      ? ["not installed", "", ""]
      : [figure.ratePerSec.toFixed(0), figure.cpuUs.toFixed(1), (1e6 / figure.cpuUs).toFixed(0)];
  table.push([name, rate, cpu, perCore, of("wrk"), of("autocannon")]);
}
process.stdout.write(`${table}\n`);
addFigures("worker", [
  perCpuSec("worker, http1", "wrk", 0.55),
  perCpuSec("worker, http1", "autocannon", 1.2),
  perCpuSec("worker, undici", "wrk", 0.35),
]);

/** Requests of a second of the client's CPU, beside another client's. */
function perCpuSec(name: string, other: string, atLeast: number): Figure {
  const of = (client: Client | undefined): number => 1e6 / (client?.cpuUs ?? Number.NaN);
  const beside = { what: other, value: of(best.get(other)) };
  const note = Number.isNaN(beside.value) ? noWrk : undefined;
  return {
    figure: `${name}: requests a CPU second`,
    measured: of(best.get(name)),
    unit: "/s",
    beside,
    bar: { of: "ratio", atLeast },
    note,
  };
}

function shareOf(figure: Client | undefined, other: Client | undefined): string {
  return figure === undefined || other === undefined ? "" : (other.cpuUs / figure.cpuUs).toFixed(2);
}

/** A client in this process: its requests over its time, and what they took of the CPU. */
async function measured(run: () => Promise<number>): Promise<Client> {
  const before = process.cpuUsage();
  const startNs = monotonicNs();
  const requests = await run();
  const elapsedNs = monotonicNs() - startNs;
  const { user, system } = process.cpuUsage(before);
  return { ratePerSec: requests / (elapsedNs / 1e9), cpuUs: (user + system) / requests };
}

/** Everything that a worker does for a request but for the streams to its peers. */
async function runWorker(transport: TransportKind): Promise<number> {
  const path = await createPath(
    create(RunSpecSchema, { models: ["mock-model"], target: { urls: [{ url: server.url }], transport } }),
  );
  const messages = [{ role: "user", content: prompt }];
  const body = path.bodies.make(
    create(TurnSchema, { messages, maxOutputTokens: 8, inputTokens: 64, model: "mock-model" }),
    [],
    undefined,
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  let requests = 0;
  let failures = 0;
  let running = connections;
  const endNs = monotonicNs() + seconds * 1e9;
  const sender = new Sender({
    ...path.sender,
    transport: path.transport,
    workerId: "bench",
    clock,
    wallOffsetNs: 0,
    onRecord: ({ status }) => {
      requests++;
      if (status !== 200) failures++;
    },
    onEnded: () => {
      if (monotonicNs() < endNs) sendNext();
      else if (--running === 0) resolve();
    },
  });
  let nextId = 1;
  const sendNext = (): void => sender.send(creditOf(nextId++), body, undefined);
  await path.transport.open(0, connections, AbortSignal.timeout(10_000));
  for (let index = 0; index < connections; index++) sendNext();
  await promise;
  await path.transport.close();
  if (failures > 0) throw new Error(`${failures} of ${requests} requests failed`);
  return requests;
}

function wrk(): Client | undefined {
  const beforeUs = childrenCpuUs();
  const found = runWrk(server.url, connections, seconds);
  return found && { ratePerSec: found.ratePerSec, cpuUs: (childrenCpuUs() - beforeUs) / found.requests };
}

/** Of all children that have ended, in ticks of 10 ms. */
function childrenCpuUs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10_000;
}
