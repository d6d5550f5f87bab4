/**
 * What a run has its members do: waits for them, makes them ready, sends them commands; those that write its rows are in
 * `run-writers.ts`. Decides nothing; what cannot be done rejects, naming who and what.
 */
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { createEndpoint } from "../../endpoints/catalog.ts";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import {
  type AskTarget,
  type CommandResult,
  ConfigureRunSchema,
  type DatasetHandle,
  type FinishRun,
  type TargetAnswer,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { monotonicNs, wallOfMonotonic } from "../common/clock.ts";
import { AssayError, messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { aborted } from "../common/within.ts";
import { type HostChoice, isChosen, shareWorkers } from "./core/load-hosts.ts";
import { workerHost } from "./core/load-limits.ts";
import { selfWarmUpMs } from "./core/run-plan.ts";
import type { Action, MemberEntry, Members } from "./members.ts";
import type { RunTimeouts } from "./run-timeouts.ts";
import { RunWriters } from "./run-writers.ts";

export interface RunMembersOptions {
  readonly runId: string;
  /** Effective, secrets included. */
  readonly spec: RunSpec;
  readonly folder: string;
  readonly members: Members;
  readonly timeouts: RunTimeouts;
  readonly log: Logger;
  /** Ends every wait: the run is over, or the controller ends. */
  readonly over: AbortSignal;
  /** Asks a worker-manager for workers; resolves with their ids when their processes are started. */
  spawnWorkers(manager: MemberEntry, runId: string, count: number): Promise<readonly string[]>;
  /** A worker has been made ready; may be told of one again. */
  onWorkerReady(entry: MemberEntry): void;
}

const clockPollMs = 20;
const clockMs = 10_000;
/** The target's own limit comes first. */
const askMarginMs = 3_000;

export class RunMembers {
  readonly writers: RunWriters;
  private readonly options: RunMembersOptions;
  private readonly workers = new Set<string>();
  /** Who may have something of the run. */
  private readonly configured = new Set<MemberEntry>();
  private plannedWorkers = 0;
  /** Workers that each load host may have, by its name. */
  private readonly quotas = new Map<string, number>();
  private readonly dataset = Promise.withResolvers<DatasetHandle>();
  /** The spec with what only the target can say. */
  private readonly whole = Promise.withResolvers<RunSpec>();

  constructor(options: RunMembersOptions) {
    this.options = options;
    this.writers = new RunWriters({
      runId: options.runId,
      members: options.members,
      shardCount: options.spec.recordManagers ?? 1,
      configure: (entry) => this.configure(entry, ServiceKind.RECORDS_MANAGER),
      awaited: (find, missing) => this.awaited(find, missing),
    });
    this.dataset.promise.catch(() => {});
    this.whole.promise.catch(() => {});
    const { type = "" } = options.spec.endpoint ?? {};
    if (createEndpoint(type)?.needsModelTensors !== true) this.whole.resolve(options.spec);
    const giveUp = (): void => {
      const over = new AssayError("cancelled", "the run is over");
      this.dataset.reject(over);
      this.whole.reject(over);
    };
    options.over.addEventListener("abort", giveUp, { once: true });
  }

  /** Whoever makes requests or reads answers is configured once the dataset and this are there, where the endpoint needs it. */
  targetKnown(spec: RunSpec): void {
    this.whole.resolve(spec);
  }

  /** Whether this member has worked for the run. */
  isWorker(memberId: string): boolean {
    return this.workers.has(memberId);
  }

  /** Worker-managers of the hosts that the run may use, by the hosts' names: whoever joined first changes nothing. */
  managers(): MemberEntry[] {
    const { members, spec } = this.options;
    const chosen = members
      .serving(ServiceKind.WORKER_MANAGER)
      .filter(({ member }) => isChosen(spec.workers ?? {}, workerHost(member)));
    return chosen.toSorted(
      ({ member: one }, { member: other }) => compareTexts(one.host, other.host) || compareTexts(one.memberId, other.memberId),
    );
  }

  /** Whether a member has to do with the run: of load hosts those that it may use, and of workers its own. */
  takesPart(entry: MemberEntry): boolean {
    const { services, memberId } = entry.member;
    if (services.includes(ServiceKind.WORKER)) return this.workers.has(memberId);
    const isOfHost = services.every((service) => service === ServiceKind.WORKER_MANAGER);
    return !isOfHost || isChosen(this.options.spec.workers ?? {}, workerHost(entry.member));
  }

  /** Workers of the run that can be spoken to. */
  liveWorkers(): number {
    return this.workersOf(undefined).length;
  }

  /** Whether a worker has a place in the run: one that its host's worker-manager was asked for, or one that nobody starts. */
  private isWanted({ member }: MemberEntry): boolean {
    const { members, spec } = this.options;
    const isManaged = members.serving(ServiceKind.WORKER_MANAGER).some((manager) => manager.member.host === member.host);
    const quota = this.quotas.get(member.host);
    if (quota === undefined) return !isManaged && isChosen(spec.workers ?? {}, workerHost(member));
    return this.workers.has(member.memberId) || this.workersOf(member.host).length < quota;
  }

  /** Of the run, heard, on one host or on all. */
  private workersOf(host: string | undefined): MemberEntry[] {
    const { members } = this.options;
    return [...this.workers].flatMap((id) => {
      const entry = members.find(id);
      const isThere = entry !== undefined && members.isHeard(entry) && (host === undefined || entry.member.host === host);
      return isThere ? [entry] : [];
    });
  }

  /** Whether all workers that live say that nothing of the run will come from them; one that is not heard may have something. */
  areWorkersAtRest(): boolean {
    const { members } = this.options;
    return [...this.workers].every((id) => {
      const entry = members.find(id);
      return entry === undefined || (members.isHeard(entry) && entry.heartbeat?.counters.at_rest === 1n);
    });
  }

  /** Everybody else is configured once this has resolved. */
  async prepareDataset(): Promise<void> {
    const entry = await this.oneServing(ServiceKind.DATASET);
    const { outcome } = await this.configure(entry, ServiceKind.DATASET, this.options.timeouts.datasetMs);
    if (outcome.case !== "dataset") throw new AssayError("internal", "the dataset service prepared nothing");
    this.dataset.resolve(outcome.value);
  }

  /** Resolves once the dataset is prepared. */
  async datasetId(): Promise<string> {
    return (await this.dataset.promise).datasetId;
  }

  /** Configures all members of a service: there may be several record-processors. Of records-managers as many as share the rows. */
  async prepareService(service: ServiceKind): Promise<void> {
    if (service === ServiceKind.RECORDS_MANAGER) {
      await this.writers.prepareAll();
      return;
    }
    await this.oneServing(service);
    await Promise.all(this.options.members.serving(service).map((entry) => this.configure(entry, service)));
  }

  /** Nothing where there is none. */
  async prepareTelemetry(): Promise<void> {
    const { timeouts } = this.options;
    await Promise.all(this.collectors().map(([entry, service]) => this.configure(entry, service, timeouts.telemetryMs)));
  }

  /** Who sends samples: one telemetry service, and the worker-manager of every host of the run. */
  private collectors(): (readonly [MemberEntry, ServiceKind])[] {
    const { members } = this.options;
    const pairs = (entries: readonly MemberEntry[], service: ServiceKind) => entries.map((entry) => [entry, service] as const);
    const telemetry = members.serving(ServiceKind.TELEMETRY).slice(0, 1);
    return [...pairs(telemetry, ServiceKind.TELEMETRY), ...pairs(this.managers(), ServiceKind.WORKER_MANAGER)];
  }

  /** Has workers started and makes as many ready as are wanted; goes on, whoever ends meanwhile, as long as `isWanted`. */
  async prepareWorkers(count: number, isWanted: () => boolean): Promise<void> {
    const { members, spec, timeouts, over } = this.options;
    this.plannedWorkers = count;
    const managers = this.managers();
    if (managers.length === 0 && members.serving(ServiceKind.WORKER).length < count) {
      const which = isRestricted(spec.workers ?? {}) ? "no worker-manager of a host that the run may use" : "no worker-manager";
      throw new AssayError("failed_precondition", `${which} has joined, and too few workers`);
    }
    const shares = shareWorkers(
      count,
      managers.map(({ member }) => workerHost(member)),
      spec.workers?.workersPerHost,
    );
    const spawned = await Promise.all(managers.map((manager, index) => this.spawnOn(manager, shares[index] ?? 0)));
    const late = AbortSignal.any([over, AbortSignal.timeout(timeouts.joinMs)]);
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => {});
    const chosen = new Set<MemberEntry>();
    // Whoever ends meanwhile makes place for its successor.
    while (isWanted() && !over.aborted) {
      for (const entry of chosen) if (!members.isHeard(entry)) chosen.delete(entry);
      for (const entry of members.serving(ServiceKind.WORKER)) {
        if (chosen.size >= count || chosen.has(entry) || !this.isWanted(entry)) continue;
        chosen.add(entry);
        this.configureWorker(entry).catch((error: unknown) => {
          if (members.isHeard(entry)) failure.reject(error);
        });
      }
      if (late.aborted && chosen.size < count) {
        const missing = spawned.flat().filter((id) => ![...chosen].some(({ member }) => member.memberId === id));
        const who = missing.length === 0 ? `${count - chosen.size} of ${count} workers` : missing.join(", ");
        throw new AssayError("deadline_exceeded", `${who} did not join within ${timeouts.joinMs} ms`);
      }
      const isLate = late.aborted ? aborted(over) : aborted(late);
      await Promise.race([members.change(), isLate, failure.promise]);
    }
  }

  /** Has a host that joined while the run goes on start workers, which take part once they have joined. Resolves with their ids. */
  async spawnLate(manager: MemberEntry, count: number): Promise<readonly string[]> {
    // What the host shows is sampled from here on, too.
    const [ids] = await Promise.all([this.spawnOn(manager, count), this.configure(manager, ServiceKind.WORKER_MANAGER)]);
    return ids;
  }

  private async spawnOn(manager: MemberEntry, count: number): Promise<readonly string[]> {
    const { runId, spawnWorkers } = this.options;
    const { host } = manager.member;
    this.quotas.set(host, (this.quotas.get(host) ?? 0) + count);
    return count === 0 ? [] : spawnWorkers(manager, runId, count);
  }

  /** One that joined while the run goes on takes part. False: the run has no place for it. */
  async takeInWorker(entry: MemberEntry): Promise<boolean> {
    if (!this.isWanted(entry)) return false;
    await this.configureWorker(entry);
    return true;
  }

  private async configureWorker(entry: MemberEntry): Promise<void> {
    this.workers.add(entry.member.memberId);
    await this.clockOf(entry);
    await this.configure(entry, ServiceKind.WORKER);
    this.options.onWorkerReady(entry);
  }

  async configure(
    entry: MemberEntry,
    service: ServiceKind,
    timeoutMs = this.options.timeouts.configureMs,
  ): Promise<CommandResult> {
    const { runId, folder, members } = this.options;
    const dataset = service === ServiceKind.DATASET ? undefined : await this.dataset.promise;
    const spec = await (isAhead(service) ? this.options.spec : this.whole.promise);
    this.configured.add(entry);
    const value = create(ConfigureRunSchema, {
      spec,
      folder,
      memberIds: [...this.workers],
      plannedWorkers: this.plannedWorkers,
      selfWarmUpMs: selfWarmUpMs(spec),
      createWallNs: wallOfMonotonic(monotonicNs()),
      shard: service === ServiceKind.RECORDS_MANAGER ? entry.member.shard : 0,
      place: service === ServiceKind.WORKER ? [...this.workers].indexOf(entry.member.memberId) : 0,
      ...(dataset === undefined ? {} : { dataset }),
    });
    return members.command(entry, { runId, service, action: { case: "configure", value }, timeoutMs });
  }

  /** A records-manager in the place of one that is gone goes on writing its file. `phaseNow`: the one that runs, asked once it has the file. */
  async resume(entry: MemberEntry, phaseNow: () => number | undefined): Promise<void> {
    const { members, runId, timeouts } = this.options;
    await this.writers.prepare(entry);
    if (entry.member.services.includes(ServiceKind.RECORD_PROCESSOR)) {
      await this.configure(entry, ServiceKind.RECORD_PROCESSOR);
    }
    const phase = phaseNow();
    if (phase === undefined) return;
    // What was said of it may have died uncommitted.
    const action = startPhase(phase);
    await members.command(entry, { runId, service: ServiceKind.RECORDS_MANAGER, action, timeoutMs: timeouts.phaseMs });
  }

  /** Resolves once a member knows suite time: without it, due times would be read by another host's clock. */
  private async clockOf(entry: MemberEntry): Promise<void> {
    const late = AbortSignal.any([this.options.over, AbortSignal.timeout(clockMs)]);
    while (entry.member.clock === undefined) {
      if (late.aborted) {
        throw new AssayError("deadline_exceeded", `${entry.member.memberId} did not measure its clock within ${clockMs} ms`);
      }
      await delay(clockPollMs);
    }
  }

  /** Resolves once every member that takes part knows suite time. */
  async clocksMeasured(): Promise<void> {
    const { members, over } = this.options;
    while (!over.aborted) {
      const missing = members.all().filter(({ stream, member }) => stream !== undefined && member.clock === undefined);
      if (missing.length === 0) return;
      await delay(clockPollMs);
    }
  }

  /** To the writers, telemetry and timing. Telemetry that does not take it is `missed`, and nothing more. */
  async startPhase(phase: number, missed: (error: unknown) => void): Promise<void> {
    const { members, runId, timeouts } = this.options;
    const action = startPhase(phase);
    const timeoutMs = timeouts.phaseMs;
    // The files know of the phase before its first record can come.
    await this.writers.toAll(action, timeoutMs);
    for (const [entry, service] of this.collectors()) {
      members.command(entry, { runId, service, action, timeoutMs }).catch(missed);
    }
    await this.toService(ServiceKind.TIMING, action, timeoutMs);
  }

  /** Tells telemetry, which looks once more at what there is; nobody waits for it. */
  endPhase(phase: number, missed: (error: unknown) => void): void {
    const { members, runId, timeouts } = this.options;
    const action = { case: "endPhase" as const, value: { $typeName: "assay.controller.v1.EndPhase" as const, phase } };
    for (const entry of members.serving(ServiceKind.TELEMETRY)) {
      members.command(entry, { runId, service: ServiceKind.TELEMETRY, action, timeoutMs: timeouts.phaseMs }).catch(missed);
    }
  }

  /**
   * One question to the target, by any worker of a host that the run may use, and by another one where that is gone meanwhile. Waits for a
   * worker as long as the run goes on: that workers come is for others to see to.
   */
  async askTarget(value: AskTarget): Promise<TargetAnswer> {
    const { members, spec, runId, over } = this.options;
    const action = { case: "askTarget" as const, value };
    while (!over.aborted) {
      // Others may have no way to it: workers outlive runs, and so there are some on hosts of earlier ones.
      const entry = members.serving(ServiceKind.WORKER).find(({ member }) => isChosen(spec.workers ?? {}, workerHost(member)));
      if (entry === undefined) {
        await Promise.race([members.change(), aborted(over)]);
        continue;
      }
      try {
        const order = { runId, service: ServiceKind.WORKER, action, timeoutMs: value.limitMs + askMarginMs };
        const { outcome } = await members.command(entry, order);
        if (outcome.case === "target") return outcome.value;
        throw new AssayError("internal", `${entry.member.memberId} did not ask the target`);
      } catch (error) {
        if (members.isHeard(entry)) throw error;
      }
    }
    throw new AssayError("cancelled", "the run is over");
  }

  async endCollection(): Promise<void> {
    const { members, runId, log, timeouts } = this.options;
    const action = { case: "endCollection" as const, value: { $typeName: "assay.controller.v1.EndCollection" as const } };
    await Promise.all(
      this.collectors().map(([entry, service]) =>
        members.command(entry, { runId, service, action, timeoutMs: timeouts.telemetryMs }).catch((error: unknown) => {
          const member = entry.member.memberId;
          log.warn("a member did not end its collection", { run_id: runId, member, error: messageOf(error) });
        }),
      ),
    );
  }

  /** Everybody lets go of the run; whoever does not is logged, and whoever has it and is away is told when it is back, for which nobody waits. */
  async release(value: FinishRun): Promise<void> {
    const { members } = this.options;
    for (const entry of this.configured) if (!members.isHeard(entry)) this.releaseLater(entry, value);
    const rest = members.all().filter((entry) => members.isHeard(entry));
    // Whoever writes ends last, so that what is on its way is still taken, and whoever makes one file of all after the others.
    const isLast = (entry: MemberEntry): boolean => isRecordsManager(entry) && entry.member.shard === 0;
    const before = rest.filter((entry) => isRecordsManager(entry) && !isLast(entry));
    for (const group of [rest.filter((entry) => !isRecordsManager(entry)), before, rest.filter(isLast)]) {
      await Promise.all(group.map((entry) => this.releaseOne(entry, value)));
    }
  }

  private async releaseOne(entry: MemberEntry, value: FinishRun): Promise<void> {
    const { members, runId, log, timeouts } = this.options;
    const timeoutMs = isRecordsManager(entry) ? timeouts.finishMs : timeouts.releaseMs;
    const action = { case: "finish" as const, value };
    try {
      await members.command(entry, { runId, service: ServiceKind.UNSPECIFIED, action, timeoutMs });
    } catch (error) {
      const member = entry.member.memberId;
      log.warn("a member did not release the run", { run_id: runId, member, error: messageOf(error) });
      if (this.configured.has(entry) && !members.isHeard(entry)) this.releaseLater(entry, value);
    }
  }

  private releaseLater(entry: MemberEntry, value: FinishRun): void {
    const { members, runId, timeouts } = this.options;
    const order = {
      runId,
      service: ServiceKind.UNSPECIFIED,
      action: { case: "finish", value },
      timeoutMs: timeouts.awayMs,
    } as const;
    members.command(entry, order).catch(() => {
      // With a process that does not come back the run is gone from there, too.
    });
  }

  async toService(service: ServiceKind, action: Action, timeoutMs: number): Promise<CommandResult> {
    const { members, runId } = this.options;
    const entry = await this.oneServing(service);
    return members.command(entry, { runId, service, action, timeoutMs });
  }

  /** The first member that serves this; waits for one to join for so long. Rejects with `unavailable`, naming the service. */
  private oneServing(service: ServiceKind): Promise<MemberEntry> {
    return this.awaited(() => this.options.members.serving(service)[0], `no ${serviceName(service)} is in the suite`);
  }

  private async awaited(find: () => MemberEntry | undefined, missing: string): Promise<MemberEntry> {
    const { members, over, timeouts } = this.options;
    const late = AbortSignal.any([over, AbortSignal.timeout(timeouts.joinMs)]);
    for (;;) {
      const entry = find();
      if (entry !== undefined) return entry;
      if (late.aborted) throw new AssayError("unavailable", missing);
      await Promise.race([members.change(), aborted(late)]);
    }
  }
}

/** They need nothing of what the target says, and telemetry has no time to wait for it. */
function isAhead(service: ServiceKind): boolean {
  return service === ServiceKind.DATASET || service === ServiceKind.TELEMETRY || service === ServiceKind.TIMING;
}

function startPhase(phase: number): Action {
  return { case: "startPhase", value: { $typeName: "assay.controller.v1.StartPhase", phase } };
}

function isRestricted({ hosts = [], hostLabels = {} }: HostChoice): boolean {
  return hosts.length > 0 || Object.keys(hostLabels).length > 0;
}

function compareTexts(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

function isRecordsManager({ member }: MemberEntry): boolean {
  return member.services.includes(ServiceKind.RECORDS_MANAGER);
}

function serviceName(service: ServiceKind): string {
  return ServiceKind[service]?.toLowerCase().replaceAll("_", "-") ?? String(service);
}
