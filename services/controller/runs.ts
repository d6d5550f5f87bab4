/**
 * The runs of a suite: accepted, queued, carried out one after the other, remembered in the catalog. Every way into the queue and out of
 * it is here, so that one place decides.
 */
import { hostname } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type HostFloor, ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type AdjustPhase,
  FinishRunSchema,
  type MemberEvent,
  RecoverRunSchema,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { DatasetInfo, PreparationProgress } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { WorkerManagerService } from "../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { AssayError, messageOf } from "../common/errors.ts";
import { readFloor } from "../common/floor-store.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { Tracer } from "../common/observe/tracing.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { createClient } from "../common/rpc/client.ts";
import { isRunId, newRunId } from "../common/run-id.ts";
import { type CatalogEntry, isAlive, ownerHere, RunCatalog } from "./catalog.ts";
import { entryOfRun, runOfEntry } from "./catalog-run.ts";
import { hostFloorOf } from "./core/host-floor.ts";
import type { CompiledSpec } from "./core/run-spec.ts";
import { datasetNotes, prefixNote } from "./core/spec/dataset-notes.ts";
import { forgetDataset, isPreparedAhead, prepareAhead } from "./dataset-ahead.ts";
import { makeRunFolder, removeRunFiles } from "./folders.ts";
import type { MemberEntry } from "./members.ts";
import { RunExecution, type RunExecutionOptions } from "./run.ts";
import { RUN_TIMEOUTS, type RunTimeouts } from "./run-timeouts.ts";
import { compileForSuite, type SpecSuite, withDatasetInfo } from "./suite-spec.ts";

export interface RunsOptions extends SpecSuite {
  readonly addresses: Addresses;
  readonly log: Logger;
  readonly runsDir: string;
  readonly artifactBase: string | undefined;
  readonly maxQueued: number;
  /** Runs in the catalog at most; 0: no limit. */
  readonly maxRuns: number;
  /** Name of this host among the members'. Default: that of the system. */
  readonly host?: string;
  /** Default: `RUN_TIMEOUTS`. */
  readonly timeouts?: Partial<RunTimeouts> | undefined;
  readonly tracer: Tracer;
  channelTo(address: string): Channel;
}

const spawnTimeoutMs = 10_000;

export class Runs {
  private readonly options: RunsOptions;
  private readonly executions = new Map<string, RunExecution>();
  private readonly queue: RunExecution[] = [];
  /** Runs whose dataset is looked at, by id, and how far that is where it takes a while. */
  private readonly preparing = new Map<string, PreparationProgress | undefined>();
  private readonly catalog: RunCatalog;
  private current: RunExecution | undefined;
  private changed = Promise.withResolvers<void>();
  private created = 0;
  private readonly ended = new Map<RunState, number>();
  private readonly owner = ownerHere();
  private isClosed = false;
  /** Unfinished runs of controllers that are gone, whose files nobody has closed yet. */
  private readonly forgotten: readonly CatalogEntry[];

  /** Opens the catalog. Throws, naming its path, where it cannot be written. */
  constructor(options: RunsOptions) {
    this.options = options;
    this.catalog = RunCatalog.open(join(options.runsDir, "catalog.db"));
    this.forgotten = this.failForgotten();
  }

  /** Says what is wrong with a spec, by throwing, and gives the effective one. */
  compile(spec: RunSpec): CompiledSpec {
    return compileForSuite(spec, this.options);
  }

  /**
   * Compiles a spec, and looks at the files that it names. Rejects as `create` does; nothing is kept.
   * @param shownId by which `preparation` tells how far that is; empty, or the id of a run that is being created: it does not
   */
  async validate(spec: RunSpec, shownId: string, signal: AbortSignal): Promise<CompiledSpec> {
    const compiled = this.compile(spec);
    if (!isPreparedAhead(compiled.spec)) return withDatasetInfo(compiled, undefined, this.options);
    const { addresses } = this.options;
    const isShown = shownId !== "" && !this.preparing.has(shownId);
    if (isShown) this.preparing.set(shownId, undefined);
    const onProgress = (progress: PreparationProgress): void => {
      if (isShown) this.preparing.set(shownId, progress);
    };
    try {
      const info = await prepareAhead(compiled.spec, "", addresses, this.timeouts(), { signal, onProgress });
      await forgetDataset(info.datasetId, addresses);
      return withDatasetInfo(compiled, info, this.options);
    } finally {
      if (isShown) this.preparing.delete(shownId);
    }
  }

  /** Accepts a run: its spec is right, what it names is there, and its folder is made. */
  async create(
    spec: RunSpec,
    wishedId: string,
    signal: AbortSignal,
  ): Promise<{ readonly execution: RunExecution; readonly warnings: readonly string[] }> {
    const compiled = this.compile(spec);
    const floor = this.floor();
    if (floor !== undefined) compiled.spec.hostFloor = floor;
    const runId = wishedId === "" ? newRunId() : wishedId;
    this.checkPlace(runId);
    this.findReplayed(compiled.spec);
    const isAhead = isPreparedAhead(compiled.spec);
    this.preparing.set(runId, undefined);
    try {
      const info = isAhead ? await this.prepare(compiled.spec, runId, signal) : undefined;
      const { spec: effective, warnings } = withDatasetInfo(compiled, info, this.options);
      const { name, output } = effective;
      const { artifactDir = "", exportPrefix = "" } = output ?? {};
      const folder = makeRunFolder(this.options, runId, { name, artifactDir, exportPrefix });
      const execution = this.execution(runId, effective, folder, {
        warnings,
        datasetNotes: datasetNotes(info),
        prefixNote: prefixNote(info),
      });
      // What cannot be remembered is refused, and so nothing of it may have begun.
      this.remember(execution);
      this.executions.set(runId, execution);
      this.created++;
      this.queue.push(execution);
      this.next();
      return { execution, warnings };
    } catch (error) {
      if (isAhead) this.releaseDataset(runId);
      throw error;
    } finally {
      this.preparing.delete(runId);
    }
  }

  /** Where a run stands that is not accepted yet: not at all, or how far its dataset is as far as that is known. */
  preparation(runId: string): { readonly progress: PreparationProgress | undefined } | undefined {
    return this.preparing.has(runId) ? { progress: this.preparing.get(runId) } : undefined;
  }

  find(runId: string): RunExecution | undefined {
    return this.executions.get(runId);
  }

  /** As it stands, or as the catalog remembers it. Throws `not_found`. */
  get(runId: string): Run {
    const execution = this.executions.get(runId);
    if (execution !== undefined) return execution.run;
    const entry = this.catalog.get(runId);
    if (entry === undefined) throw new AssayError("not_found", `there is no run ${runId}`);
    return runOfEntry(entry);
  }

  /** Newest first. Throws `invalid_argument` where `before` is no run. */
  list(limit: number, before: string): Run[] {
    if (before !== "" && this.catalog.get(before) === undefined) {
      throw new AssayError("invalid_argument", `page_token: there is no run ${JSON.stringify(before)}`);
    }
    return this.catalog
      .list({ limit, ...(before === "" ? {} : { before }) })
      .map((entry) => this.executions.get(entry.runId)?.run ?? runOfEntry(entry));
  }

  cancel(runId: string, now: boolean, why: string): Run {
    const execution = this.executions.get(runId);
    if (execution === undefined || execution.isOver) {
      this.get(runId);
      throw new AssayError("failed_precondition", `run ${runId} has ended`);
    }
    const waiting = this.queue.indexOf(execution);
    if (waiting >= 0) this.queue.splice(waiting, 1);
    execution.cancel(now, why);
    if (waiting >= 0) {
      this.releaseDataset(runId);
      // Nothing of a run that waited is carried out.
      this.countEnd(execution);
    }
    this.rememberIfPossible(execution);
    return execution.run;
  }

  /** Changes the load of the phase that runs. Throws `not_found`, and as `RunExecution.adjust`. */
  async adjust(runId: string, change: AdjustPhase): Promise<Run> {
    const execution = this.executions.get(runId);
    if (execution === undefined || execution.isOver) {
      this.get(runId);
      throw new AssayError("failed_precondition", `run ${runId} has ended`);
    }
    await execution.adjust(change);
    return execution.run;
  }

  /** Forgets an ended run and removes its files. Throws `not_found`, `failed_precondition`. */
  delete(runId: string): void {
    const { state, folder, spec } = this.get(runId);
    if (state < RunState.COMPLETED) throw new AssayError("failed_precondition", `run ${runId} has not ended`);
    removeRunFiles(folder, spec?.output?.exportPrefix ?? this.catalog.get(runId)?.exportPrefix ?? "");
    this.executions.delete(runId);
    this.catalog.delete(runId);
  }

  /** By state, of those that this controller was given and still knows. */
  counts(): {
    readonly created: number;
    readonly byState: ReadonlyMap<RunState, number>;
    readonly ended: ReadonlyMap<RunState, number>;
  } {
    const byState = new Map<RunState, number>();
    for (const { run } of this.executions.values()) byState.set(run.state, (byState.get(run.state) ?? 0) + 1);
    return { created: this.created, byState, ended: this.ended };
  }

  activeIds(): string[] {
    return [...(this.current === undefined ? [] : [this.current]), ...this.queue].map(({ run }) => run.runId);
  }

  /** Resolves at the next change of any run. */
  change(): Promise<void> {
    return this.changed.promise;
  }

  onJoined(entry: MemberEntry): void {
    if (entry.member.services.includes(ServiceKind.RECORDS_MANAGER)) for (const run of this.forgotten) this.recover(entry, run);
    this.current?.onJoined(entry);
  }

  onEvent(entry: MemberEntry, event: MemberEvent): void {
    this.current?.onEvent(entry, event);
  }

  onHeartbeat(entry: MemberEntry): void {
    this.current?.onHeartbeat(entry);
  }

  onLost(entry: MemberEntry, reason: string): void {
    this.current?.onLost(entry, reason);
  }

  close(): void {
    this.isClosed = true;
    this.queue.length = 0;
    this.current?.close();
    this.catalog.close();
  }

  /** Throws where a run of this id cannot be taken. */
  private checkPlace(runId: string): void {
    if (!isRunId(runId)) {
      throw new AssayError(
        "invalid_argument",
        `run_id: must be 1 to 64 lower case letters, digits, - or _, got ${JSON.stringify(runId)}`,
      );
    }
    if (this.executions.has(runId) || this.preparing.has(runId) || this.catalog.get(runId) !== undefined) {
      throw new AssayError("already_exists", `run ${runId} exists already`);
    }
    const waiting = this.queue.length + this.preparing.size;
    const { maxQueued, maxRuns } = this.options;
    if (waiting >= maxQueued) {
      const most = `at most ${maxQueued} may (--max-queued)`;
      throw new AssayError("resource_exhausted", `${waiting} runs are waiting already: ${most}`);
    }
    if (maxRuns === 0) return;
    const kept = this.catalog.count();
    if (kept < maxRuns) return;
    const most = `at most ${maxRuns} may be (--max-runs), assay runs delete makes room`;
    throw new AssayError("resource_exhausted", `${kept} runs are kept already: ${most}`);
  }

  /** That of this host, where all load comes from it. A person's own suite has no other host, even before its members have joined. */
  private floor(): HostFloor | undefined {
    const { members, artifactBase, runsDir, host: here = hostname() } = this.options;
    const sources = [ServiceKind.WORKER_MANAGER, ServiceKind.WORKER].flatMap((service) => members.serving(service));
    const isHere = sources.length > 0 ? sources.every(({ member }) => member.host === here) : artifactBase !== undefined;
    const floor = isHere ? readFloor(runsDir) : undefined;
    return floor && hostFloorOf(floor, Date.now() * 1e6);
  }

  /** Says where the run is that a spec replays, if the catalog knows it. Throws `not_found` where it does not. */
  private findReplayed({ dataset }: RunSpec): void {
    if (dataset?.source.case !== "replay" || dataset.source.value.path !== "") return;
    const { runId } = dataset.source.value;
    const folder = this.catalog.get(runId)?.folder;
    if (folder === undefined) {
      const description = `there is no run ${runId} in the catalog: name it by its folder`;
      throw new AssayError("not_found", `dataset.replay.run_id: ${description}`, {
        violations: [{ field: "dataset.replay.run_id", description }],
      });
    }
    dataset.source.value.path = folder;
  }

  private async prepare(spec: RunSpec, runId: string, signal: AbortSignal): Promise<DatasetInfo> {
    const onProgress = (progress: PreparationProgress): void => {
      if (this.preparing.has(runId)) this.preparing.set(runId, progress);
    };
    const info = await prepareAhead(spec, runId, this.options.addresses, this.timeouts(), { signal, onProgress });
    if (this.isClosed) throw new AssayError("unavailable", "the controller is ending");
    signal.throwIfAborted();
    return info;
  }

  /** A run that does not begin needs nothing of what was prepared for it. */
  private releaseDataset(runId: string): void {
    const { members, log } = this.options;
    const value = create(FinishRunSchema, { state: RunState.CANCELLED });
    const timeoutMs = this.timeouts().releaseMs;
    for (const entry of members.serving(ServiceKind.DATASET)) {
      members
        .command(entry, { runId, service: ServiceKind.DATASET, action: { case: "finish", value }, timeoutMs })
        .catch((error: unknown) => log.warn("a dataset was not released", { run_id: runId, error: messageOf(error) }));
    }
  }

  private timeouts(): RunTimeouts {
    return { ...RUN_TIMEOUTS, ...this.options.timeouts };
  }

  private execution(
    runId: string,
    spec: RunSpec,
    folder: string,
    said: Pick<RunExecutionOptions, "warnings" | "datasetNotes" | "prefixNote">,
  ): RunExecution {
    const { members, addresses, log, timeouts, tracer, channelTo } = this.options;
    return new RunExecution({
      runId,
      spec,
      folder,
      ...said,
      members,
      log,
      timeouts,
      tracer,
      async spawnWorkers(manager, id, count) {
        const client = createClient(WorkerManagerService, channelTo(manager.member.address));
        const { workers } = await client.spawnWorkers({ runId: id, count }, { timeoutMs: spawnTimeoutMs, waitForReady: true });
        return workers.map(({ workerId }) => workerId);
      },
      checkTurns: async (request, signal) => {
        const { datasetMs, joinMs } = this.timeouts();
        const channel = await addresses.channelTo("dataset", AbortSignal.any([signal, AbortSignal.timeout(joinMs)]));
        return createClient(DatasetService, channel).checkTurns(request, { signal, timeoutMs: datasetMs });
      },
      dialSamples: () => {
        const entry = addresses.entriesOf("records-manager").find(({ shard }) => shard === 0);
        return entry === undefined ? undefined : createClient(RecordsManagerService, channelTo(entry.address)).ingestSamples();
      },
      onChange: () => this.tell(),
    });
  }

  private next(): void {
    if (this.current !== undefined) return;
    const execution = this.queue.shift();
    if (execution === undefined) return;
    this.current = execution;
    execution
      .execute()
      .catch((error: unknown) => {
        this.options.log.error("a run broke off", { run_id: execution.run.runId, error: messageOf(error) });
        execution.breakOff(messageOf(error));
      })
      .finally(() => {
        if (this.isClosed) return;
        this.current = undefined;
        this.countEnd(execution);
        this.rememberIfPossible(execution);
        this.tell();
        this.next();
      });
  }

  private countEnd({ run: { state } }: RunExecution): void {
    this.ended.set(state, (this.ended.get(state) ?? 0) + 1);
  }

  private remember({ run }: RunExecution): void {
    this.catalog.put(entryOfRun(run, this.owner));
  }

  /** What has happened to a run has happened, and others wait, whatever becomes of the catalog. */
  private rememberIfPossible(execution: RunExecution): void {
    if (this.isClosed) return;
    try {
      this.remember(execution);
    } catch (error) {
      this.options.log.error("the catalog does not know how a run stands", {
        run_id: execution.run.runId,
        error: messageOf(error),
      });
    }
  }

  /** Runs that a controller left behind which is gone are never taken up again. Other suites may use this catalog at this moment. */
  private failForgotten(): CatalogEntry[] {
    const unfinished = ["CREATED", "CONFIGURING", "READY", "RUNNING", "DRAINING", "PROCESSING"];
    const forgotten = this.catalog.list({ limit: 1000, states: unfinished }).filter(({ owner }) => !isAlive(owner));
    for (const entry of forgotten) this.catalog.put({ ...entry, state: "FAILED" });
    return forgotten;
  }

  /** Whoever wrote it, or has its folder, closes its accounts; a run that did not come to have a file has none. */
  private recover(entry: MemberEntry, { runId, folder }: CatalogEntry): void {
    const { members, log } = this.options;
    const value = create(RecoverRunSchema, { folder, reason: "its controller ended before it did" });
    const timeoutMs = this.timeouts().finishMs;
    members
      .command(entry, { runId, service: ServiceKind.RECORDS_MANAGER, action: { case: "recoverRun", value }, timeoutMs })
      .catch((error: unknown) => log.warn("a forgotten run was not closed", { run_id: runId, error: messageOf(error) }));
  }

  private tell(): void {
    const wake = this.changed;
    this.changed = Promise.withResolvers<void>();
    wake.resolve();
  }
}
