/**
 * One run being carried out: the machine of `core/run-machine.ts` decides, this file has the members do it (`run-members.ts`) and
 * tells the machine what came of it. Whatever a member says and whatever the machine commands meet here, about one run's state.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import {
  type PhaseIdentity,
  type Run,
  type RunEvent,
  RunEventSchema,
  RunState,
} from "../../gen/assay/controller/v1/controller_pb.js";
import { type AdjustPhase, FinishRunSchema, type MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { CheckTurnsRequestSchema, CheckTurnsResponse } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { type PhaseAccount, type TimingProgress, TimingProgressSchema } from "../../gen/assay/timing/v1/timing_pb.js";
import { longestTimerMs } from "../common/asked-ms.ts";
import { monotonicNs } from "../common/clock.ts";
import { AssayError, messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Tracer } from "../common/observe/tracing.ts";
import { applyChange, checkAdjustable, loadChangeText } from "./core/load-change.ts";
import { workerHost } from "./core/load-limits.ts";
import { type BarrierName, createRunMachine, type PhaseResult, type RunCommand, type RunMachine } from "./core/run-machine.ts";
import { cancelGraceSec, planRun, workersFor } from "./core/run-plan.ts";
import { applyClosing, applyProgress, isUnderLoad, newRun, wireState } from "./core/run-view.ts";
import { stepFailed } from "./core/step-failure.ts";
import { wholeIdentity } from "./core/whole-identity.ts";
import type { MemberEntry, Members } from "./members.ts";
import { Observer, type SamplesStream } from "./observer.ts";
import { Returns } from "./returns.ts";
import { RunMembers, type RunMembersOptions } from "./run-members.ts";
import { neededServices, RunPreparation } from "./run-preparation.ts";
import { RUN_TIMEOUTS, type RunTimeouts } from "./run-timeouts.ts";
import { RunTrace } from "./run-trace.ts";
import { RunWorkers } from "./run-workers.ts";
import { ServedWatch } from "./served-watch.ts";

export interface RunExecutionOptions {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly folder: string;
  /** For the run's events: legal but suspect, one line each. */
  readonly warnings: readonly string[];
  /** For the run's events: what was found out about the dataset, one line each. Default: nothing. */
  readonly datasetNotes?: readonly string[];
  /** For the run's events and its results: what prompts share. Undefined: nothing is known. */
  readonly prefixNote?: string | undefined;
  readonly members: Members;
  readonly log: Logger;
  /** Default: `RUN_TIMEOUTS`. */
  readonly timeouts?: Partial<RunTimeouts> | undefined;
  readonly spawnWorkers: RunMembersOptions["spawnWorkers"];
  readonly tracer: Tracer;
  /** Has the dataset service look at every turn of the run's dataset. */
  checkTurns(request: MessageInitShape<typeof CheckTurnsRequestSchema>, signal: AbortSignal): Promise<CheckTurnsResponse>;
  /** Undefined: there is no records-manager at the moment. */
  dialSamples(): SamplesStream | undefined;
  /** Something about the run has changed. */
  onChange(): void;
}

type Machine = RunMachine<PhaseAccount, TimingProgress>;
type MachineCommand = RunCommand<PhaseAccount, TimingProgress>;

export class RunExecution {
  /** As clients see it; secrets masked. */
  readonly run: Run;
  readonly events: RunEvent[] = [];
  /** Nothing more happens to it. Its state says so later, once its members have let go of it: its file is whole then. */
  isOver = false;
  private readonly options: RunExecutionOptions;
  private readonly timeouts: RunTimeouts;
  private readonly observer: Observer;
  private readonly trace: RunTrace;
  private readonly ended = Promise.withResolvers<void>();
  private readonly talk: RunMembers;
  private readonly preparation: RunPreparation;
  private readonly served: ServedWatch;
  private readonly workers: RunWorkers;
  private readonly returns: Returns;
  private readonly processes = new AbortController();
  private machine: Machine | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastChange: Promise<void> = Promise.resolve();
  /** The start of the phase that was started last. */
  private begun: Promise<void> = Promise.resolve();
  private isClosed = false;
  private isLeft = false;

  constructor(options: RunExecutionOptions) {
    const { runId, spec, folder, log } = options;
    this.options = options;
    this.timeouts = { ...RUN_TIMEOUTS, ...options.timeouts };
    this.talk = new RunMembers({
      ...options,
      timeouts: this.timeouts,
      over: this.processes.signal,
      onWorkerReady: (entry) => {
        this.observer.member(entry);
        this.ready("workers", entry.member.memberId);
      },
    });
    this.trace = new RunTrace(options.tracer, runId, spec);
    this.observer = new Observer({ runId, log, dial: options.dialSamples });
    this.returns = new Returns(this.timeouts.returnMs);
    this.workers = new RunWorkers({
      ...options,
      talk: this.talk,
      trace: this.trace,
      phaseMs: this.timeouts.phaseMs,
      state: () => this.run.state,
      note: (kind, message) => this.note(kind, message),
      exhausted: (why) => this.tell(() => this.machine?.workersExhausted(why, monotonicNs())),
    });
    this.served = new ServedWatch({
      spec,
      ask: (question) => this.talk.askTarget(question),
      served: (models) => this.observer.served(models),
      note: (message) => this.note("note", message),
    });
    this.run = newRun({ runId, spec, folder, createTime: timestampNow() });
    this.preparation = new RunPreparation({
      spec,
      members: this.talk,
      observer: this.observer,
      over: this.processes.signal,
      isPreparing: () => this.run.state < RunState.READY,
      checkTurns: (request, signal) => options.checkTurns(request, signal),
      ready: (barrier, member) => this.ready(barrier, member),
      note: (kind, message) => this.note(kind, message),
    });
  }

  /** Carries the run out; resolves when it is over, whatever became of it. */
  async execute(): Promise<void> {
    const { spec, members } = this.options;
    members.arrangeShards();
    const hosts = this.talk.managers().map(({ member }) => workerHost(member));
    const workers = workersFor(spec, hosts);
    const { disableGpu = false, disableServerMetrics = false } = spec.telemetry ?? {};
    const hasTelemetry = !(disableGpu && disableServerMetrics) && members.serving(ServiceKind.TELEMETRY).length > 0;
    const { bounds } = this.timeouts;
    const plan = planRun(spec, { workers, members: neededServices.map(([name]) => name), hasTelemetry, bounds });
    this.workers.planned(workers);
    const machine = createRunMachine<PhaseAccount, TimingProgress>(plan, {
      command: (command) => this.carryOut(command, workers),
      stateChanged: (state, phase) => this.enter(wireState[state], phase),
      noted: (message) => this.note("note", message),
    });
    this.machine = machine;
    for (const line of this.options.datasetNotes ?? []) this.note("dataset", line);
    const { prefixNote } = this.options;
    if (prefixNote !== undefined) this.note("dataset_prefixes", prefixNote);
    for (const warning of this.options.warnings) this.note("warning", warning);
    this.tell(() => machine.start(monotonicNs()));
    await this.ended.promise;
  }

  /** Once: stop, drain, export. Twice, or with `now`: leave at once. */
  cancel(now: boolean, why: string): void {
    this.note("cancel_asked", why === "" ? "a client cancels the run" : why);
    const { machine } = this;
    if (machine === undefined) {
      this.run.reason = "cancelled before it began";
      this.end(RunState.CANCELLED);
      return;
    }
    this.isLeft ||= now;
    this.tell(() => machine.cancel(monotonicNs()));
    if (now && !this.isOver) this.tell(() => machine.cancel(monotonicNs()));
  }

  /**
   * Changes the load of the phase that runs, after all changes asked for before; resolves when timing has done it. Rejects with `failed_precondition` where no phase or
   * another one runs, or it does not have what is to be changed.
   */
  async adjust(value: AdjustPhase): Promise<void> {
    // Whoever asks last is the one whose change holds, also in what clients are shown.
    const changed = this.lastChange.then(() => this.change(value));
    this.lastChange = changed.catch(() => {});
    return changed;
  }

  /** The controller ends in the middle of it: nothing of the run keeps the process alive. */
  close(): void {
    this.isClosed = true;
    this.processes.abort();
    clearTimeout(this.timer);
    this.returns.close();
    this.observer.close();
    this.trace.ended(this.run);
  }

  onHeartbeat(entry: MemberEntry): void {
    if (this.talk.takesPart(entry)) this.observer.heartbeat(entry);
    for (const progress of entry.heartbeat?.timing ?? []) {
      if (applyProgress(this.run, progress)) this.machine?.timingHeartbeat(progress.phase, progress);
    }
    const { machine } = this;
    if (machine?.awaitsWorkers && this.talk.areWorkersAtRest()) this.tell(() => machine.workersAtRest(monotonicNs()));
  }

  onEvent(entry: MemberEntry, { event, runId }: MemberEvent): void {
    const { machine } = this;
    // Workers end between runs too, and a last word about the run before may still be on its way.
    if (machine === undefined || runId !== this.options.runId) return;
    const nowNs = monotonicNs();
    switch (event.case) {
      case "phaseStarted": {
        const phase = this.run.phases[event.value.phase];
        if (phase !== undefined) phase.startNs = event.value.startNs;
        this.run.startTime ??= timestampNow();
        this.observer.measuring(true);
        this.note("phase_started", `phase ${phase?.name} began`, event.value.phase, event.value.startNs);
        return;
      }
      case "sendingComplete": {
        const phase = this.run.phases[event.value.phase];
        if (phase !== undefined) {
          phase.sendingCompleteNs = event.value.atNs;
          phase.stopReason = event.value.reason;
        }
        this.note("sending_complete", `phase ${phase?.name}: nothing more will be sent`, event.value.phase, event.value.atNs);
        this.tell(() => machine.sendingComplete(event.value.phase, nowNs));
        return;
      }
      case "returningComplete": {
        const { account, atNs } = event.value;
        if (account === undefined) return;
        const phase = this.run.phases[account.phase];
        if (phase !== undefined) phase.returningCompleteNs = atNs;
        this.observer.measuring(isUnderLoad(this.run));
        this.talk.endPhase(account.phase, (error) => this.note("note", messageOf(error)));
        this.note("returning_complete", `phase ${phase?.name}: every credit came back or is lost`, account.phase, atNs);
        this.tell(() => machine.returningComplete(account.phase, account, nowNs));
        return;
      }
      case "workerLost":
        this.note("worker_lost", `${event.value.workerId}: ${event.value.reason}; ${event.value.lost} credits lost`);
        return;
      case "workerExited":
        this.workers.exited(event.value);
        return;
      case "tooManyFailed": {
        const { phase, failed, ended } = event.value;
        const share = this.options.spec.phases[phase]?.stop?.failedRequestShare ?? 0;
        const said = `${failed} of ${ended} requests failed, and no more than ${share} of them may`;
        this.note("too_many_failed", `phase ${this.run.phases[phase]?.name} ends early: ${said}`, phase);
        this.tell(() => machine.endEarly("failed_request_share", nowNs));
        return;
      }
      case "note":
        this.record(event.value);
        return;
      case "failed":
        this.tell(() => machine.recordsManagerDied(`${entry.member.memberId}: ${event.value.reason}`, nowNs));
        return;
      case undefined:
        return;
      default:
        event satisfies never;
    }
  }

  /** A process joined while the run goes on: a worker in another's place takes part from now on. */
  onJoined(entry: MemberEntry): void {
    this.trace.within(() => this.takeIn(entry));
  }

  private takeIn(entry: MemberEntry): void {
    if (this.isOver || this.machine === undefined) return;
    const { members } = this.options;
    const { services, memberId } = entry.member;
    if (services.includes(ServiceKind.WORKER_MANAGER)) this.workers.takeInHost(entry);
    if (services.includes(ServiceKind.WORKER) && this.run.state >= RunState.READY) this.workers.takeIn(entry);
    if (this.talk.writers.isWriter(entry) && this.run.state >= RunState.READY) {
      this.note("rejoined", `${memberId} takes over; what is not committed is sent again`);
      this.talk
        .resume(entry, () => this.runningPhase())
        .catch((error: unknown) => {
          // One that is gone again may have a successor.
          if (members.isHeard(entry)) this.tell(() => this.machine?.recordsManagerDied(messageOf(error), monotonicNs()));
        });
    } else if (services.includes(ServiceKind.RECORD_PROCESSOR) && this.run.state >= RunState.READY) {
      this.talk.configure(entry, ServiceKind.RECORD_PROCESSOR).catch((error: unknown) => this.note("note", messageOf(error)));
    }
  }

  onLost(entry: MemberEntry, reason: string): void {
    const { machine } = this;
    if (machine === undefined || this.isOver) return;
    const { services, memberId } = entry.member;
    const nowNs = monotonicNs();
    this.note("member_lost", `${memberId}: ${reason}`);
    if (services.includes(ServiceKind.TIMING)) this.tell(() => machine.timingDied(`${memberId}: ${reason}`, nowNs));
    if (this.talk.writers.isWriter(entry)) {
      const { shard } = entry.member;
      const giveUp = (): void => this.tell(() => machine.recordsManagerDied(`${memberId}: ${reason}`, monotonicNs()));
      this.returns.wait(`shard ${shard}`, () => this.talk.writers.isWritten(shard), giveUp);
    }
    if (this.talk.isWorker(memberId)) {
      const isBack = (): boolean => this.options.members.serving(ServiceKind.WORKER).length > 0;
      const giveUp = (): void => this.tell(() => machine.workersExhausted(`${memberId}: ${reason}`, monotonicNs()));
      this.returns.wait("workers", isBack, giveUp);
    }
  }

  private async change(value: AdjustPhase): Promise<void> {
    checkAdjustable(this.run, value);
    await this.talk.toService(ServiceKind.TIMING, { case: "adjustPhase", value }, this.timeouts.phaseMs);
    const phase = this.run.phases[value.phase];
    if (phase !== undefined) applyChange(phase, value);
    this.note("load_changed", loadChangeText(this.run, value), value.phase);
  }

  private runningPhase(): number | undefined {
    if (this.run.state !== RunState.RUNNING) return undefined;
    return this.run.phases.findIndex(({ name }) => name === this.run.phase);
  }

  private carryOut(command: MachineCommand, workers: number): void {
    this.trace
      .step(command, () => this.act(command, workers))
      .catch((error: unknown) => {
        const isTarget = command.kind === "prepare" && command.barrier === "target";
        if (isTarget && error instanceof AssayError && error.code === "invalid_argument") this.run.isMisfit = true;
        this.failed(command, messageOf(error));
      });
  }

  private async begin(phase: number): Promise<void> {
    await this.served.begins(phase);
    await this.talk.startPhase(phase, (error) => this.note("note", messageOf(error)));
  }

  private async act(command: MachineCommand, workers: number): Promise<void> {
    const machine = this.machine;
    switch (command.kind) {
      case "prepare":
        await this.preparation.prepare(command.barrier, workers);
        return;
      case "start_phase":
        this.begun = this.begin(command.phase);
        await this.begun;
        return;
      case "stop_phase": {
        // Timing, which knows of no phase yet, would take a stop for one that is over, and start it then.
        await this.begun.catch(() => {});
        const value = {
          $typeName: "assay.controller.v1.StopPhase" as const,
          phase: command.phase,
          reason: command.reason,
          cancelInFlight: this.isLeft,
          graceSec: cancelGraceSec(this.options.spec, command.phase),
        };
        this.note("stopping", `phase ${command.phase}: ${command.reason}`, command.phase);
        await this.talk.toService(ServiceKind.TIMING, { case: "stopPhase", value }, this.timeouts.phaseMs);
        return;
      }
      case "hand_over_account":
        this.served.ends(command.phase);
        await this.closePhase(command.phase, { case: "account", value: command.account });
        return;
      case "close_from_rows": {
        // Timing never said anything of it.
        const none = create(TimingProgressSchema, { phase: command.phase });
        await this.closePhase(command.phase, { case: "heartbeat", value: command.heartbeat ?? none });
        return;
      }
      case "process": {
        // Whoever still has something for the file brings it before the file is closed.
        await this.served.drained();
        await this.talk.endCollection();
        await this.observer.drained(AbortSignal.timeout(this.timeouts.observerMs));
        const { state, reason } = machine?.outcome ?? { state: "failed" as const, reason: "" };
        await this.talk.writers.finish(create(FinishRunSchema, { state: wireState[state], reason }), this.timeouts.finishMs);
        this.tell(() => machine?.processed(monotonicNs()));
        return;
      }
      case "finish":
        await this.finish(command.state, command.reason);
        return;
      default:
        command satisfies never;
    }
  }

  /** What a command's failure means to the machine. */
  private failed(command: MachineCommand, message: string): void {
    const { machine } = this;
    if (machine === undefined) return;
    const nowNs = monotonicNs();
    this.options.log.warn("a step of the run failed", { run_id: this.options.runId, step: command.kind, error: message });
    this.tell(() => {
      if (command.kind === "finish") this.breakOff(message);
      else stepFailed(machine, command, message, nowNs);
    });
  }

  private async closePhase(
    phase: number,
    source: { case: "account"; value: PhaseAccount } | { case: "heartbeat"; value: TimingProgress },
  ): Promise<void> {
    const value = { $typeName: "assay.controller.v1.ClosePhase" as const, source };
    const results = await this.talk.writers.toAll({ case: "closePhase", value }, this.timeouts.closeMs);
    const identity = wholeIdentity(
      results.map(({ outcome }) => (outcome.case === "identity" ? outcome.value : undefined)),
      source.case === "account" ? source.value.abandoned : 0n,
    );
    applyClosing(this.run, phase, identity, monotonicNs());
    this.note("records_complete", `phase ${this.run.phases[phase]?.name}: its account is closed`, phase);
    this.trace.phaseClosed(phase, identity);
    this.tell(() => this.machine?.phaseClosed(phase, identity && resultOf(identity), monotonicNs()));
  }

  private async finish(state: "completed" | "failed" | "cancelled", reason: string): Promise<void> {
    this.run.reason = reason;
    this.processes.abort();
    clearTimeout(this.timer);
    this.returns.close();
    await this.talk.release(create(FinishRunSchema, { state: wireState[state], reason }));
    this.observer.close();
    this.end(wireState[state]);
    this.ended.resolve();
  }

  /** It cannot be carried out any further, by a fault of the controller's own. */
  breakOff(why: string): void {
    this.run.reason = why;
    this.end(RunState.FAILED);
    this.close();
    this.ended.resolve();
  }

  private end(state: RunState): void {
    this.isOver = true;
    this.run.state = state;
    this.run.endTime = timestampNow();
    this.trace.ended(this.run);
    this.options.onChange();
  }

  private ready(barrier: BarrierName, member: string): void {
    this.tell(() => this.machine?.ready(barrier, member, monotonicNs()));
  }

  private enter(state: RunState, phase: number | undefined): void {
    this.run.phase = phase === undefined ? "" : (this.run.phases[phase]?.name ?? "");
    if (state >= RunState.COMPLETED) {
      this.isOver = true;
      return;
    }
    this.run.state = state;
    if (state === RunState.READY) {
      this.trace.prepared();
      this.workers.ready();
    }
    this.note("state", `state ${RunState[state]}`, phase);
  }

  private note(kind: string, message: string, phase?: number, atNs = monotonicNs()): void {
    this.record(create(RunEventSchema, { kind, message, atNs, memberId: "", ...(phase === undefined ? {} : { phase }) }));
  }

  private record(event: RunEvent): void {
    this.events.push(event);
    this.observer.event(event);
    this.trace.event(event);
    this.options.log.info(event.message, { run_id: this.options.runId, event: event.kind });
    this.options.onChange();
  }

  /** Calls the machine and sets the one timer to its next deadline. */
  private tell(call: () => void): void {
    if (this.isClosed) return;
    call();
    clearTimeout(this.timer);
    const wakeNs = this.machine?.nextWakeNs() ?? Number.POSITIVE_INFINITY;
    if (!Number.isFinite(wakeNs) || this.processes.signal.aborted) return;
    const waitMs = Math.min(Math.max(0, (wakeNs - monotonicNs()) / 1e6), longestTimerMs);
    this.timer = setTimeout(() => this.tell(() => this.machine?.advance(monotonicNs())), waitMs);
  }
}

function resultOf({ succeeded, errored, cancelled }: PhaseIdentity): PhaseResult {
  return { succeeded: Number(succeeded), errored: Number(errored), cancelled: Number(cancelled) };
}
