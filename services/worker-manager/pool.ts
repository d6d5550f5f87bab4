/** The worker processes of this host: started, watched, restarted in their place, stopped. */
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  type WorkerProcess,
  WorkerProcessSchema,
  WorkerState,
} from "../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { type Bootstrap, type ChildExit, startChild, type WorkerChild } from "./child.ts";
import { takesRestart, type WorkerLine } from "./core/restarts.ts";

export interface PoolOptions {
  /** Program and arguments of a worker process. */
  readonly command: readonly string[];
  /** What every worker is told, but for its id. */
  bootstrap(): Promise<Omit<Bootstrap, "memberId">>;
  readonly maxWorkers: number;
  readonly log: Logger;
  onExit(
    exit: {
      readonly workerId: string;
      readonly runId: string;
      readonly successorId: string;
      readonly isExpected: boolean;
    } & ChildExit,
  ): void;
}

interface Slot {
  readonly process: WorkerProcess;
  readonly child: WorkerChild;
  readonly line: WorkerLine;
  isStopping: boolean;
  endedAtMs: number;
}

/** Ended workers stay listed for so long. */
const rememberedMs = 600_000;

export class WorkerPool {
  private readonly options: PoolOptions;
  private readonly slots: Slot[] = [];
  private changed = Promise.withResolvers<void>();
  private nextLine = 1;
  private started = 0;
  private restarts = 0;
  private unexpectedExits = 0;
  private isClosed = false;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  list(): WorkerProcess[] {
    this.forget(Date.now() - rememberedMs);
    return this.slots.map(({ process, child, endedAtMs }) => {
      // The number of a process that is gone may be another's by now.
      const usage = endedAtMs === 0 ? child.usage() : undefined;
      if (usage !== undefined)
        process.usage = { ...emptyUsage, ...process.usage, cpuSec: usage.cpuSec, rssBytes: BigInt(usage.rssBytes) };
      return process;
    });
  }

  /** Processes that run. */
  get liveCount(): number {
    return this.live().length;
  }

  /** Since the start of this process. */
  get counts(): { readonly started: number; readonly restarts: number; readonly unexpectedExits: number } {
    return { started: this.started, restarts: this.restarts, unexpectedExits: this.unexpectedExits };
  }

  /** Resolves at the next change of who runs. */
  change(): Promise<void> {
    return this.changed.promise;
  }

  /** Starts workers that belong to no run yet, no more than the host's limit. */
  prespawn(count: number): void {
    const wanted = Math.min(count, this.options.maxWorkers);
    while (this.live().length < wanted) this.start("", { line: this.nextLine++, restarts: 0 }, "");
  }

  /**
   * Makes `count` workers run for a run; those that belong to none are taken first. For none, empty, any worker will do, and stays with
   * the run that has it. Throws `resource_exhausted` above the host's limit, `unavailable` once the pool is closed.
   */
  ensure(runId: string, count: number): WorkerProcess[] {
    if (this.isClosed) throw new AssayError("unavailable", "this worker-manager is ending");
    if (count > this.options.maxWorkers) {
      throw new AssayError(
        "resource_exhausted",
        `at most ${this.options.maxWorkers} workers run on this host, ${count} were asked for`,
      );
    }
    if (runId !== "") this.takeOver(runId, count);
    while (this.of(runId).length < count) this.start(runId, { line: this.nextLine++, restarts: 0 }, "");
    return this.of(runId).map(({ process }) => process);
  }

  /** Resolves when they are reaped. Empty ids: all. */
  async stop(workerIds: readonly string[], graceMs: number): Promise<WorkerProcess[]> {
    const wanted = this.live().filter(({ process }) => workerIds.length === 0 || workerIds.includes(process.workerId));
    await Promise.all(
      wanted.map(async (slot) => {
        slot.isStopping = true;
        slot.process.state = WorkerState.STOPPING;
        await slot.child.stop(graceMs);
      }),
    );
    return wanted.map(({ process }) => process);
  }

  async close(graceMs: number): Promise<void> {
    this.isClosed = true;
    await this.stop([], graceMs);
  }

  /** Workers outlive runs: those of a run that has ended serve the next. */
  private takeOver(runId: string, count: number): void {
    for (const slot of this.live()) if (slot.process.runId !== runId) slot.process.runId = "";
    for (const slot of this.live()) {
      if (this.of(runId).length >= count) break;
      if (slot.process.runId === "") slot.process.runId = runId;
    }
  }

  private live(): Slot[] {
    return this.slots.filter(({ endedAtMs }) => endedAtMs === 0);
  }

  private of(runId: string): Slot[] {
    return this.live().filter(({ process, isStopping }) => (runId === "" || process.runId === runId) && !isStopping);
  }

  private start(runId: string, line: WorkerLine, predecessorId: string): string {
    const { command, bootstrap, log } = this.options;
    const workerId = `worker-${randomBytes(4).toString("hex")}`;
    const told = bootstrap().then((common) => ({ ...common, memberId: workerId }));
    const child = startChild(command, told, (text) => log.warn("a worker says", { worker_id: workerId, text }));
    const process = create(WorkerProcessSchema, {
      workerId,
      pid: child.pid,
      state: WorkerState.RUNNING,
      runId,
      predecessorId,
      restarts: line.restarts,
    });
    const slot: Slot = { process, child, line, isStopping: false, endedAtMs: 0 };
    this.slots.push(slot);
    this.started++;
    if (predecessorId !== "") this.restarts++;
    child.exited.then(
      (exit) => this.ended(slot, exit),
      (error: unknown) => log.error("a worker's end was missed", { worker_id: workerId, error }),
    );
    this.tell();
    return workerId;
  }

  private ended(slot: Slot, exit: ChildExit): void {
    const { process, line, isStopping } = slot;
    slot.endedAtMs = Date.now();
    this.forget(slot.endedAtMs - rememberedMs);
    process.state = WorkerState.EXITED;
    if (exit.signal === "") process.exitCode = exit.exitCode;
    process.signal = exit.signal;
    const isExpected = isStopping || this.isClosed;
    if (!isExpected) this.unexpectedExits++;
    const runId = process.runId;
    const successorId = !isExpected && takesRestart(line) ? this.start(runId, line, process.workerId) : "";
    if (!isExpected) this.options.log.warn("a worker ended", { worker_id: process.workerId, ...exit, successor: successorId });
    this.options.onExit({ workerId: process.workerId, runId, successorId, isExpected, ...exit });
    this.tell();
  }

  private forget(beforeMs: number): void {
    for (let at = this.slots.length - 1; at >= 0; at--) {
      const endedAtMs = this.slots[at]?.endedAtMs ?? 0;
      if (endedAtMs !== 0 && endedAtMs < beforeMs) this.slots.splice(at, 1);
    }
  }

  private tell(): void {
    const wake = this.changed;
    this.changed = Promise.withResolvers<void>();
    wake.resolve();
  }
}

const emptyUsage = {
  $typeName: "assay.common.v1.ProcessUsage" as const,
  cpuSec: 0,
  rssBytes: 0n,
  loopUtilization: 0,
  loopDelayP99Ms: 0,
  loopDelayMaxMs: 0,
  gcMs: 0,
  gcCount: 0,
  gcMaxMs: 0,
  openFds: 0,
  maxFds: 0,
};
