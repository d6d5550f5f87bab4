/**
 * How many workers a run still has: those that were planned, those that a host brings which joins later, and those that will do nothing more
 * for it. The last of them to go ends the run.
 */
import { create } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { ReapWorkerSchema, type WorkerExited } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { workerHost } from "./core/load-limits.ts";
import { workersFor } from "./core/run-plan.ts";
import type { MemberEntry, Members } from "./members.ts";
import type { RunMembers } from "./run-members.ts";
import type { RunTrace } from "./run-trace.ts";

export interface RunWorkersOptions {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly members: Pick<Members, "isHeard" | "remove">;
  readonly talk: Pick<RunMembers, "managers" | "liveWorkers" | "spawnLate" | "takeInWorker" | "toService">;
  readonly trace: Pick<RunTrace, "within">;
  readonly log: Logger;
  /** How long timing is waited for. */
  readonly phaseMs: number;
  state(): RunState;
  note(kind: string, message: string): void;
  /** None is left. */
  exhausted(why: string): void;
}

export class RunWorkers {
  private readonly options: RunWorkersOptions;
  private live = 0;
  private readonly givenUp = new Set<string>();
  /** Load hosts that joined while the run was made ready. */
  private readonly lateHosts: MemberEntry[] = [];

  constructor(options: RunWorkersOptions) {
    this.options = options;
  }

  /** So many are about to be started. */
  planned(count: number): void {
    this.live = count;
  }

  /** The run is ready: hosts that joined meanwhile take part from here on. */
  ready(): void {
    for (const entry of this.lateHosts.splice(0)) this.takeInHost(entry);
  }

  /** One that joined while the run goes on takes part from now on. */
  takeIn(entry: MemberEntry): void {
    const { members, talk, note } = this.options;
    talk.takeInWorker(entry).catch((error: unknown) => {
      note("worker_unready", messageOf(error));
      // One that is gone again is reaped, or has a successor.
      if (members.isHeard(entry)) this.giveUp(entry.member.memberId, messageOf(error));
    });
  }

  /** A load host that joined while the run goes on starts workers, as many as the run may still have; they take part as they join. */
  takeInHost(entry: MemberEntry): void {
    const { members, spec, talk, note, state } = this.options;
    if (state() < RunState.READY) {
      this.lateHosts.push(entry);
      return;
    }
    const { host, memberId } = entry.member;
    const managers = talk.managers();
    if (!members.isHeard(entry) || !managers.includes(entry) || state() > RunState.RUNNING) return;
    const most = workersFor(
      spec,
      managers.map(({ member }) => workerHost(member)),
    );
    const count = Math.min(most - talk.liveWorkers(), spec.workers?.workersPerHost ?? Number.POSITIVE_INFINITY);
    if (count <= 0) {
      note("host_joined", `${host} joined; the run has the ${most} workers that it may have`);
      return;
    }
    note("host_joined", `${host} joined; ${count} ${count === 1 ? "worker" : "workers"} of it will take part`);
    this.live += count;
    talk.spawnLate(entry, count).catch((error: unknown) => {
      this.live -= count;
      note("worker_unready", `${memberId}: ${messageOf(error)}`);
    });
  }

  /** A worker's process has ended, and timing is told that nothing more comes of it. */
  exited({ workerId, exitCode, signal, successorId, isExpected }: WorkerExited): void {
    const { members, runId, talk, trace, log, note, phaseMs } = this.options;
    const how = signal === "" ? `exit code ${exitCode}` : signal;
    members.remove(workerId);
    if (!isExpected) {
      note("worker_exited", `${workerId} ended by ${how}${successorId === "" ? "" : `; ${successorId} takes its place`}`);
    }
    const value = create(ReapWorkerSchema, { workerId, reason: how });
    trace
      .within(() => talk.toService(ServiceKind.TIMING, { case: "reapWorker", value }, phaseMs))
      .catch((error: unknown) => log.warn("timing was not told of a reaped worker", { run_id: runId, error: messageOf(error) }));
    if (successorId !== "") {
      if (this.givenUp.delete(workerId)) this.live++;
    } else if (!isExpected) {
      this.giveUp(workerId, `${workerId} ended by ${how}`);
    }
  }

  /** It will do nothing for this run any more. */
  private giveUp(workerId: string, why: string): void {
    if (this.givenUp.has(workerId)) return;
    this.givenUp.add(workerId);
    this.live--;
    if (this.live <= 0) this.options.exhausted(why);
  }
}
