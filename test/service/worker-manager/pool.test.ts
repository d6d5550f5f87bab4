import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { MemberEvent, WorkerExited } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { WorkerManagerService, WorkerState } from "../../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import { MeasuredSuiteClock } from "../../../services/common/member/suite-clock.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { createWorkerManagerModule } from "../../../services/worker-manager/module.ts";
import { countOf } from "../../support/families.ts";
import { failureOf, until } from "../rpc/harness.ts";

const program = join(import.meta.dirname, "worker-child.ts");
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

describe("the workers of a host", () => {
  let folder: string;
  let manager: ServiceModule;
  let server: RpcServer;
  let client: Client<typeof WorkerManagerService>;
  const exits: WorkerExited[] = [];
  const runsOfExits: string[] = [];
  const warnings: string[] = [];

  async function open(mode = "", maxWorkers = 4, prespawn = 0, command?: string[]): Promise<void> {
    manager = createWorkerManagerModule({
      host: "h1",
      id: () => "worker-manager-1",
      clock: new MeasuredSuiteClock(),
      addresses: createAddresses({ token: undefined }),
      log: { ...silentLogger, warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`) },
      command: command ?? [process.execPath, program, folder, mode],
      bootstrap: async () => ({
        token: "s3cret",
        controller: "h:1",
        logFile: null,
        logLevel: "warn",
        config: { worker: { a: 1 } },
      }),
      maxWorkers,
      prespawn,
      report: (event: MemberEvent["event"], runId) => {
        if (event.case !== "workerExited") return;
        exits.push(event.value);
        runsOfExits.push(runId);
      },
    });
    server = createRpcServer({ services: manager.implementations, listen: {}, auth: { insecure: true }, log: silentLogger });
    client = createClient(WorkerManagerService, { address: (await server.start()).address });
  }

  beforeEach(() => {
    for (const list of [exits, runsOfExits, warnings]) list.length = 0;
    folder = mkdtempSync(join(tmpdir(), "assay-workers-"));
  });
  afterEach(async () => {
    await manager?.stop(500);
    client?.close();
    await server?.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const spawnFor = async (runId: string, count: number) => (await client.spawnWorkers({ runId, count })).workers;
  const list = async () => (await client.listWorkers({})).workers;
  /** Of the workers that have written down what they were told, the whole of it. */
  const notes = () => readdirSync(folder).filter((name) => statSync(join(folder, name)).size > 0);
  const started = (count: number) => until(`${count} workers to be started`, () => notes().length >= count);

  it("are started and told everything over their pipe, nothing of it in arguments or environment", async () => {
    await open();
    const [worker] = await spawnFor("run-1", 1);
    await started(1);
    const note = JSON.parse(readFileSync(join(folder, `${worker?.workerId}.json`), "utf8"));
    expect(note.told).to.deep.equal({
      token: "s3cret",
      controller: "h:1",
      logFile: null,
      logLevel: "warn",
      config: { worker: { a: 1 } },
      memberId: worker?.workerId,
    });
    expect(note.pid).to.equal(worker?.pid);
    expect(JSON.stringify([note.argv, note.env])).to.not.include("s3cret");
    await until("its words to be logged", () => warnings.some((line) => line.includes("is here")));
  });

  it("run in the number asked for, those that run included", async () => {
    await open();
    const first = await spawnFor("run-1", 2);
    const second = await spawnFor("run-1", 3);
    expect(second.map(({ workerId }) => workerId)).to.include.members(first.map(({ workerId }) => workerId));
    expect(second).to.have.length(3);
    expect(await spawnFor("run-1", 1)).to.have.length(3);
    expect(manager.counters?.()).to.deep.equal({ worker_processes: 3 });
  });

  it("outlive their run and serve the next", async () => {
    await open();
    const first = await spawnFor("run-1", 2);
    const second = await spawnFor("run-2", 2);
    expect(second.map(({ pid }) => pid)).to.deep.equal(first.map(({ pid }) => pid));
    expect((await list()).map(({ runId }) => runId)).to.deep.equal(["run-2", "run-2"]);
  });

  it("that a run has are lent to who has no run, and stay its own", async () => {
    await open();
    const first = await spawnFor("run-1", 1);
    expect((await spawnFor("", 1)).map(({ pid }) => pid)).to.deep.equal(first.map(({ pid }) => pid));
    expect((await list()).map(({ runId }) => runId)).to.deep.equal(["run-1"]);
    await started(1);
    process.kill(first[0]?.pid ?? 0, "SIGKILL");
    await until("its end to be told", () => exits.length === 1);
    expect(runsOfExits).to.deep.equal(["run-1"]);
  });

  it("are no more than the host's limit, not even ahead of any run", async () => {
    await open("", 2, 5);
    expect(manager.counters?.()).to.deep.equal({ worker_processes: 2 });
    const error = await failureOf(spawnFor("run-1", 3));
    expect(error).to.include({ code: "resource_exhausted", message: "at most 2 workers run on this host, 3 were asked for" });
  });

  it("started ahead are taken by the first run that asks", async () => {
    await open("", 4, 2);
    const ahead = await list();
    expect(ahead.map(({ runId }) => runId)).to.deep.equal(["", ""]);
    const taken = await spawnFor("run-1", 3);
    expect(taken.map(({ pid }) => pid)).to.include.members(ahead.map(({ pid }) => pid));
  });

  it("that die have a successor, three times in a line, and then none", async () => {
    await open("dies");
    const [first] = await spawnFor("run-1", 1);
    await until("the line to be given up", () => exits.length === 4);
    expect(exits[0]?.workerId).to.equal(first?.workerId);
    for (const [index, exit] of exits.entries()) {
      expect(exit).to.include({ exitCode: 3, signal: "", isExpected: false, successorId: exits[index + 1]?.workerId ?? "" });
    }
    expect(new Set(runsOfExits)).to.deep.equal(new Set(["run-1"]));
    const all = await list();
    expect(all.map(({ restarts, state, exitCode }) => [restarts, state, exitCode])).to.deep.equal(
      [0, 1, 2, 3].map((restarts) => [restarts, WorkerState.EXITED, 3]),
    );
    expect(all.map(({ predecessorId }) => predecessorId)).to.deep.equal(["", ...all.slice(0, 3).map(({ workerId }) => workerId)]);
  });

  it("are counted: started, restarted, and ended without being asked to", async () => {
    await open("dies");
    await spawnFor("run-1", 1);
    await until("the line to be given up", () => exits.length === 4);
    const count = (name: string) => countOf(manager.families(), `assay_worker_manager_${name}`);
    expect(count("started_workers_total")).to.equal(4);
    expect(count("restarts_total")).to.equal(3);
    expect(count("unexpected_exits_total")).to.equal(4);
    expect(count("workers")).to.equal(0);
  });

  it("that a signal kills have a successor, and the signal is told", async () => {
    await open();
    const [worker] = await spawnFor("run-1", 1);
    await started(1);
    process.kill(worker?.pid ?? 0, "SIGKILL");
    await until("its end", () => exits.length === 1);
    expect(exits[0]).to.include({ signal: "SIGKILL", exitCode: -1, isExpected: false });
    const [dead, next] = await list();
    expect(dead).to.include({ state: WorkerState.EXITED, signal: "SIGKILL" });
    expect(dead?.exitCode).to.equal(undefined);
    expect(next).to.include({ state: WorkerState.RUNNING, predecessorId: worker?.workerId, workerId: exits[0]?.successorId });
  });

  it("whose program cannot be started are given up like those that die", async () => {
    await open("", 2, 0, [join(folder, "no-such-program")]);
    await spawnFor("run-1", 1);
    await until("the line to be given up", () => exits.length === 4);
    expect(exits.at(-1)).to.include({ exitCode: -1, successorId: "" });
  });

  it("that are stopped have no successor; the answer comes when they are reaped", async () => {
    await open();
    const [first, second] = await spawnFor("run-1", 2);
    await started(2);
    const { workers } = await client.stopWorkers({ workerIds: [first?.workerId ?? ""] });
    expect(workers.map(({ workerId, state }) => [workerId, state])).to.deep.equal([[first?.workerId, WorkerState.EXITED]]);
    expect(isAlive(first?.pid ?? 0)).to.equal(false);
    expect(isAlive(second?.pid ?? 0)).to.equal(true);
    expect(exits.map(({ isExpected, successorId }) => [isExpected, successorId])).to.deep.equal([[true, ""]]);
    await client.stopWorkers({ runId: "another" });
    expect(manager.counters?.()).to.deep.equal({ worker_processes: 1 });
    await client.stopWorkers({ runId: "run-1" });
    expect(manager.counters?.()).to.deep.equal({ worker_processes: 0 });
  });

  it("that do not listen are killed after their grace", async () => {
    await open("deaf");
    const [worker] = await spawnFor("run-1", 1);
    await started(1);
    const { workers } = await client.stopWorkers({ graceMs: 50 });
    expect(workers[0]).to.include({ signal: "SIGKILL" });
    expect(isAlive(worker?.pid ?? 0)).to.equal(false);
  });

  it("are listed with what the kernel says that they use", async () => {
    await open();
    const [worker] = await spawnFor("run-1", 1);
    await started(1);
    const [shown] = await list();
    expect(Number(shown?.usage?.rssBytes)).to.be.greaterThan(1e6);
    expect(shown?.usage?.cpuSec).to.be.at.least(0);
    process.kill(worker?.pid ?? 0, "SIGSTOP");
    process.kill(worker?.pid ?? 0, "SIGKILL");
    await until("its end", () => exits.length === 1);
  });

  it("are watched: at once, and at every change", async () => {
    await open();
    const counts: number[] = [];
    for await (const { workers } of client.watchWorkers({ intervalMs: 60_000 })) {
      counts.push(workers.length);
      if (counts.length === 1) await spawnFor("run-1", 1);
      if (workers.length === 1) break;
    }
    expect(counts[0]).to.equal(0);
  });

  it("are none any more once their manager ends, and nobody can have more", async () => {
    await open();
    const workers = await spawnFor("run-1", 2);
    await started(2);
    await manager.stop(500);
    for (const { pid } of workers) expect(isAlive(pid)).to.equal(false);
    expect(await failureOf(spawnFor("run-1", 2))).to.include({ code: "unavailable" });
    expect(exits.every(({ isExpected, successorId }) => isExpected && successorId === "")).to.equal(true);
  });

  it("die with a manager that is killed by force", async () => {
    await open();
    const host = spawn(process.execPath, [join(import.meta.dirname, "manager-process.ts"), folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(host, "exit");
    const [line] = (await once(host.stdout.setEncoding("utf8"), "data")) as [string];
    const pids = JSON.parse(line) as number[];
    await started(2);
    expect(pids.every(isAlive)).to.equal(true);
    host.kill("SIGKILL");
    await exited;
    await until("its workers to be gone", () => !pids.some(isAlive));
  });
});
