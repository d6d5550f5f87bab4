/**
 * What a host more costs the services that all hosts share: `node bench/hosts.ts [seconds per row] [hosts | members | sessions …]`. CPU time of processes, not rates: other work on the machine counts little.
 * - 1, 2, 4 and 8 simulated hosts, a worker-manager process with one worker each, all at the same rate: CPU of timing a credit and of the
 *   records-manager a record, beside those with one host. It is what a request more costs: the difference between a run at a high and one at a low
 *   rate, by the requests that it has more, so that what a process does each second anyway is not shared out among more requests with more hosts. Of the
 *   controller, which sees no request, it is all that it uses in a run, by the requests.
 * - A controller with 500 workers that do nothing but live, each on a connection of its own.
 * - A timing service that has 100 000 sessions open at once, which workers hold that speak its protocol and send nothing.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { PhaseKind, ServiceKind } from "../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../gen/assay/common/v1/run_spec_pb.js";
import { RunState } from "../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../gen/assay/controller/v1/controller_service_pb.js";
import { createClient } from "../services/common/rpc/client.ts";
import { ServeFolder } from "../test/support/served.ts";
import { command, ensureBuilt, machineLine, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { HoldingWorkers } from "./support/holding-workers.ts";
import { cpuUsOf, residentBytesOf } from "./support/process-use.ts";
import { Side } from "./support/side.ts";
import { StateWatch } from "./support/state-watch.ts";

const seconds = Number(process.argv[2] ?? 6);
const wanted = process.argv.slice(3);
const hostCounts = [1, 2, 4, 8];
const ratesPerHost = { low: 50, high: 400 };
/** Whatever the number of hosts, and first: code is compiled then. */
const warmUpRate = 3_000;
/** What the cost of a record or a credit may grow by from one host to eight. */
const constancy = 1.15;
const members = 500;
const memberProcesses = 2;
const idleShareBar = 5;
const sessions = 100_000;
const holdingWorkers = 8;
const endsPerSec = 2_000;
const withinMs = 120_000;
const startsWithinMs = 60_000;

ensureBuilt();
process.stdout.write(machineLine());
const parts: Readonly<Record<string, () => Promise<Figure[]>>> = {
  hosts: hostFigures,
  members: memberFigures,
  sessions: sessionFigures,
};
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) figures.push(...(await measure()));
}
reportFigures("hosts", figures);

/** Processes that all hosts share, and the CPU time that is counted of each. */
interface Shared {
  readonly controller: number;
  readonly timing: number;
  readonly "records-manager": number;
}

async function hostFigures(): Promise<Figure[]> {
  const place = new ServeFolder(command, startsWithinMs);
  const server = await startServer(["--ttft", "2", "--itl", "0", "--osl", "4"]);
  try {
    const controller = await place.start("--services=controller,dataset");
    const joins = [`--controller=${controller.address}`];
    const [timing, records] = await Promise.all([
      place.start("--services=timing", ...joins),
      place.start("--services=records-manager", ...joins),
      place.start("--services=record-processor", ...joins),
    ]);
    const pids: Shared = {
      controller: controller.child.pid ?? 0,
      timing: timing.child.pid ?? 0,
      "records-manager": records.child.pid ?? 0,
    };
    const suite = { address: controller.address, token: readFileSync(place.tokenFile, "utf8").trim() };
    const figures: Figure[] = [];
    let ofOne: Shared | undefined;
    let started = 0;
    for (const hosts of hostCounts) {
      for (; started < hosts; started++) {
        await place.start("--services=worker-manager", `--host-name=host-${started + 1}`, "--cores=2", "--prespawn=1", ...joins);
      }
      await workersJoined(suite, hosts);
      const cost = await costOf(suite, { hosts, pids, targetUrl: server.url });
      figures.push(...figuresOf(hosts, cost, ofOne));
      ofOne ??= cost;
    }
    return figures;
  } finally {
    await Promise.all([place.close(), server.stop()]);
  }
}

function figuresOf(hosts: number, cost: Shared, ofOne: Shared | undefined): Figure[] {
  const what = `${hosts} host${hosts > 1 ? "s" : ""}`;
  return (["timing", "records-manager", "controller"] as const).map((service) => {
    const beside = ofOne === undefined ? {} : { beside: { what: "1 host", value: ofOne[service] } };
    const bar = ofOne === undefined ? {} : { bar: { of: "ratio" as const, atMost: constancy } };
    return { figure: `${what}: CPU of ${service} a request`, measured: cost[service], unit: "µs", ...beside, ...bar };
  });
}

interface Suite {
  readonly address: string;
  readonly token: string;
}

async function workersJoined(suite: Suite, count: number): Promise<void> {
  const client = createClient(SuiteService, suite);
  const isThere = async (): Promise<boolean> => {
    const { members: there } = await client.getSuite({});
    return there.filter(({ services, isConnected }) => isConnected && services.includes(ServiceKind.WORKER)).length >= count;
  };
  await until(`${count} workers`, isThere);
  client.close();
}

interface Load {
  readonly hosts: number;
  readonly pids: Shared;
  readonly targetUrl: string;
}

/** µs a request. */
async function costOf(suite: Suite, load: Load): Promise<Shared> {
  const { hosts } = load;
  await runAt(suite, load, { name: `warm-${hosts}`, ratePerSec: warmUpRate });
  const low = await runAt(suite, load, { name: `low-${hosts}`, ratePerSec: ratesPerHost.low * hosts });
  const high = await runAt(suite, load, { name: `high-${hosts}`, ratePerSec: ratesPerHost.high * hosts });
  const more = high.requests / high.sec - low.requests / low.sec;
  const cost = (of: "timing" | "records-manager"): number => (high[of] / high.sec - low[of] / low.sec) / more;
  return { controller: high.controller / high.requests, timing: cost("timing"), "records-manager": cost("records-manager") };
}

/** What the processes used between the start of the phase and its end. */
async function runAt(
  suite: Suite,
  { pids, targetUrl }: Load,
  { name: runId, ratePerSec }: { readonly name: string; readonly ratePerSec: number },
): Promise<Used & { readonly requests: number }> {
  const runs = createClient(RunService, suite);
  const spec = create(RunSpecSchema, {
    models: ["mock-model"],
    target: { urls: [{ url: targetUrl }] },
    telemetry: { disableGpu: true, disableServerMetrics: true },
    workers: { workersPerHost: 1 },
    output: { exportLevel: "summary" },
    randomSeed: 7n,
    phases: [
      {
        name: "profiling",
        kind: PhaseKind.PROFILING,
        load: { case: "rate", value: { ratePerSec } },
        stop: { durationSec: seconds },
        graceSec: 10,
      },
    ],
  });
  await runs.createRun({ spec, runId });
  const watch = new StateWatch(runs.watchRun({ runId }, { timeoutMs: withinMs }));
  await watch.until((state) => state >= RunState.RUNNING);
  const run = await used(pids, () => watch.until((state) => state > RunState.RUNNING));
  const ended = await watch.until((state) => state >= RunState.COMPLETED);
  runs.close();
  const requests = Number(ended.phases[0]?.identity?.succeeded ?? 0n);
  if (requests < 0.9 * ratePerSec * seconds) throw new Error(`only ${requests} requests of run ${runId} succeeded`);
  return { ...run, requests };
}

type Used = Shared & { readonly sec: number };

/** CPU time in µs meanwhile. */
async function used(pids: Shared, work: () => Promise<unknown>): Promise<Used> {
  const now = (): Shared => ({
    controller: cpuUsOf(pids.controller),
    timing: cpuUsOf(pids.timing),
    "records-manager": cpuUsOf(pids["records-manager"]),
  });
  const before = now();
  const startMs = performance.now();
  await work();
  const after = now();
  return {
    controller: after.controller - before.controller,
    timing: after.timing - before.timing,
    "records-manager": after["records-manager"] - before["records-manager"],
    sec: (performance.now() - startMs) / 1000,
  };
}

async function memberFigures(): Promise<Figure[]> {
  const place = new ServeFolder(command, startsWithinMs);
  const sides: Side[] = [];
  try {
    const controller = await place.start("--services=controller");
    const pid = controller.child.pid ?? 0;
    const token = readFileSync(place.tokenFile, "utf8").trim();
    const beforeUs = cpuUsOf(pid);
    const each = String(members / memberProcesses);
    const starts = Array.from({ length: memberProcesses }, () => Side.start("members-side", controller.address, each, token));
    sides.push(...(await Promise.all(starts)));
    const joinUs = (cpuUsOf(pid) - beforeUs) / members;
    // Clocks are asked often at first.
    await delay(Math.min(2, seconds) * 1000);
    const fromUs = cpuUsOf(pid);
    const startMs = performance.now();
    await delay(seconds * 1000);
    const share = (cpuUsOf(pid) - fromUs) / 10 / (performance.now() - startMs);
    return [
      { figure: `${members} workers join: CPU of the controller for each`, measured: joinUs, unit: "µs" },
      {
        figure: `${members} workers that do nothing: part of a core of the controller`,
        measured: share,
        unit: "%",
        bar: { of: "figure", atMost: idleShareBar },
      },
      { figure: `${members} workers: memory of the controller`, measured: residentBytesOf(pid) / 1e6, unit: "MB" },
    ];
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
    await place.close();
  }
}

async function sessionFigures(): Promise<Figure[]> {
  const few = await sessionCost(64 * holdingWorkers);
  const many = await sessionCost(sessions);
  return [
    { figure: `${sessions} sessions: memory of timing for each`, measured: (many.bytes - few.bytes) / sessions, unit: "B" },
    { figure: `${sessions} sessions that nothing ends: part of a core of timing`, measured: many.idleShare, unit: "%" },
    {
      figure: `${sessions} sessions, ${endsPerSec} of which end and begin a second: timing's CPU a credit`,
      measured: many.creditUs,
      unit: "µs",
      beside: { what: `${64 * holdingWorkers} sessions`, value: few.creditUs },
      bar: { of: "ratio", atMost: constancy },
    },
  ];
}

async function sessionCost(limit: number): Promise<{ bytes: number; idleShare: number; creditUs: number }> {
  const timing = await Side.start("timing-side", String(limit), String(holdingWorkers));
  const workers = new HoldingWorkers(timing.address, holdingWorkers);
  try {
    await until(`${limit} sessions`, async () => workers.held >= limit);
    await delay(1000);
    const idle = { ...(await timing.used()), ms: performance.now() };
    await delay((seconds * 1000) / 2);
    const from = { ...(await timing.used()), ms: performance.now() };
    const bytes = residentBytesOf(timing.pid);
    const idleUsPerMs = (from.cpuUs - idle.cpuUs) / (from.ms - idle.ms);
    workers.endPerSec(endsPerSec);
    await delay(seconds * 1000);
    const to = { ...(await timing.used()), ms: performance.now() };
    const creditUs = (to.cpuUs - from.cpuUs - idleUsPerMs * (to.ms - from.ms)) / (to.count - from.count);
    return { bytes, idleShare: idleUsPerMs / 10, creditUs };
  } finally {
    workers.close();
    await timing.stop();
  }
}

async function until(what: string, isIt: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isIt())) {
    if (performance.now() > endMs) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}`);
    await delay(20);
  }
}
