/** The records-manager as a module of its process: the runs that are written here. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { toJsonString } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { ConfigureRun, FinishRun, MemberEvent, RecoverRun } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { monotonicNs, wallOfMonotonic } from "../common/clock.ts";
import { AssayError, messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { CommandOutcome, ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import type { Tracer } from "../common/observe/tracing.ts";
import { shardFolderName } from "../common/record-shard.ts";
import { createClient } from "../common/rpc/client.ts";
import { RUN_FILE } from "../common/run-file.ts";
import { isRunId } from "../common/run-id.ts";
import { maskSecrets } from "../common/secrets.ts";
import { commit, protocolVersion, version } from "../common/version.ts";
import type { ClosedPhase } from "./core/accounts.ts";
import type { RunHeader } from "./core/rows.ts";
import type { TurnStream } from "./exports/inputs-file.ts";
import { failureLimitsOf } from "./failure-limits.ts";
import { createRecordsCounts, recordsManagerInstruments } from "./instruments.ts";
import { heartbeatOf } from "./observations.ts";
import { QueryClient } from "./query-client.ts";
import { RecordsRun } from "./records-run.ts";
import { RemoteShards } from "./remote-shards.ts";
import { RequestSpans } from "./request-spans.ts";
import { createRecordsManagerService } from "./service.ts";
import { createShardService } from "./shard-service.ts";
import { ShardWatch } from "./shard-watch.ts";
import { shardsOf } from "./store/shard-files.ts";
import { identityOf } from "./summary-wire.ts";

export interface RecordsManagerDeps {
  readonly log: Logger;
  readonly clock: SuiteClock;
  readonly addresses: Addresses;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Where runs of earlier processes lie: `<runsDir>/<run id>/run.db`. */
  readonly runsDir: string;
  /** Folder of a run that this process has not written, as the suite's catalog knows it; undefined: it does not. */
  folderInCatalog(runId: string): Promise<string | undefined>;
  /** Makes spans of a sample of requests. Default: none. */
  readonly tracer?: Tracer;
  report(event: MemberEvent["event"], runId: string): void;
}

interface OpenRun {
  readonly run: RecordsRun;
  readonly spec: RunSpec;
  /** Undefined: nobody exports them. */
  readonly spans: RequestSpans | undefined;
  /** Where it has the run's file, and others have rows of it. */
  readonly files: RemoteShards | undefined;
  /** Set once its end has come; a second wish to end it waits for the first. */
  finishing: Promise<void> | undefined;
}

const done = { case: undefined } as const;
const controllerGone = "its controller ended before it did";
/** Above what the other members take to hear of a new controller. */
const rejoinMs = 1_000;
/** Above what workers and processors take to bring what they have. */
const silenceMs = 14_000;

export function createRecordsManagerModule(deps: RecordsManagerDeps): ServiceModule {
  const { log, clock, addresses, runsDir, folderInCatalog, report, tracer } = deps;
  const open = new Map<string, OpenRun>();
  const folders = new Map<string, string>();
  /** Ends of runs that lost their controller. */
  const abandoned = new Map<string, Promise<void>>();
  /** Folders of files that are not those of runs. */
  const shardFolders = new Map<string, string>();
  const queries = new QueryClient();
  const counts = createRecordsCounts();

  const pendingRows = (): number => [...open.values()].reduce((sum, { run }) => sum + run.pendingRows, 0);

  const find = (runId: string): OpenRun => {
    const found = open.get(runId);
    if (found === undefined) throw new AssayError("not_found", `run ${runId} is not written here`);
    return found;
  };

  const folderOf = async (runId: string): Promise<string> => {
    const own = folders.get(runId) ?? join(runsDir, runId);
    // An id is a name, never a path out of the runs folder.
    const isName = isRunId(runId);
    if (isName && existsSync(join(own, "run.db"))) return own;
    const known = isName ? await folderInCatalog(runId) : undefined;
    if (known === undefined || !existsSync(join(known, "run.db"))) {
      throw new AssayError("not_found", `there is no run ${runId}${known === undefined ? "" : `: ${known} holds no run.db`}`);
    }
    return known;
  };

  const dialTurns = async (runId: string, datasetId: string, signal: AbortSignal): Promise<TurnStream> => {
    const stream = createClient(DatasetService, await addresses.channelTo("dataset", signal)).fetchTurns();
    const hello = { protocolVersion, runId, workerId: "records-manager", datasetId };
    stream.send({ message: { case: "hello", value: hello } });
    return stream;
  };

  const channelTo = (shard: number, signal: AbortSignal) => addresses.channelTo("records-manager", signal, { shard });

  const remoteShards = (runId: string, folder: string, count: number) =>
    new RemoteShards({ runId, folder, count, log, channelTo });

  const configure = (runId: string, { spec, folder, createWallNs, dataset, shard }: ConfigureRun): void => {
    if (spec === undefined) throw new AssayError("invalid_argument", "the records-manager needs a spec");
    const shards = spec.recordManagers ?? 1;
    if (shard >= shards) throw new AssayError("invalid_argument", `shard: must be below ${shards}, got ${shard}`);
    open.get(runId)?.run.close();
    const isFirst = shard === 0;
    const files = isFirst && shards > 1 ? remoteShards(runId, folder, shards) : undefined;
    const spans = tracer?.isOn === true ? new RequestSpans(tracer, spec) : undefined;
    const run: RecordsRun = new RecordsRun({
      folder: isFirst ? folder : join(folder, shardFolderName(shard)),
      shard: {
        shard,
        count: shards,
        ...(files && {
          others: new ShardWatch({ runId, shards, log, channelTo, onChange: () => run.shardsChanged() }),
          files,
        }),
      },
      queries,
      log,
      inputs:
        dataset === undefined || !isFirst
          ? undefined
          : { spec, endpoints: deps.endpoints, dataset, dial: (signal) => dialTurns(runId, dataset.datasetId, signal) },
      counts,
      onCommitted: spans && ((records) => spans.add(records)),
      header: headerOf(runId, spec, {
        createdWallNs: createWallNs,
        suiteWallOffsetNs: wallOfMonotonic(0) - clock.toSuite(0),
        otherShards: isFirst ? shards - 1 : 0,
      }),
      note: (message) => {
        log.warn(message, { run_id: runId });
        const value = {
          $typeName: "assay.controller.v1.RunEvent" as const,
          atNs: clock.now(),
          kind: "note",
          message,
          memberId: "",
        };
        report({ case: "note", value }, runId);
      },
      failureLimits: isFirst ? failureLimitsOf(spec) : [],
      onTooManyFailed: ({ phase, failed, ended }) => {
        const value = {
          $typeName: "assay.controller.v1.TooManyFailed" as const,
          phase,
          failed: BigInt(failed),
          ended: BigInt(ended),
        };
        report({ case: "tooManyFailed", value }, runId);
      },
      onFailure: (error) => {
        log.error("the run's file cannot be written any more", { run_id: runId, error: error.message });
        report({ case: "failed", value: { $typeName: "assay.controller.v1.MemberFailed", reason: error.message } }, runId);
      },
    });
    open.set(runId, { run, spec, spans, files, finishing: undefined });
    folders.set(runId, folder);
    for (const [id, path] of shardFolders) if (!existsSync(path)) shardFolders.delete(id);
    if (!isFirst) shardFolders.set(runId, run.folder);
  };

  const identity = async (run: RecordsRun, closed: ClosedPhase): Promise<CommandOutcome> => {
    const phase = await queries.askFirst("closing", { folder: run.folder, phase: closed.phase });
    if (phase?.counts === undefined) throw new AssayError("internal", `phase ${closed.phase} was closed and is not in the file`);
    const { counts } = phase;
    return {
      case: "identity",
      value: {
        $typeName: "assay.controller.v1.PhaseIdentity",
        ...zeroIdentity,
        ...identityOf({ ...phase, counts }),
      },
    };
  };

  const finish = async (runId: string, end: FinishRun): Promise<void> => {
    const found = open.get(runId);
    if (found === undefined) return;
    found.finishing ??= conclude(runId, found, end);
    await found.finishing;
  };

  /** A run that lost its controller: what its members still bring is taken, then its accounts are closed from the rows. */
  const abandon = async (runId: string, { run, finishing, files }: OpenRun): Promise<void> => {
    if (finishing !== undefined) return finishing;
    await delay(rejoinMs);
    await run.silence(AbortSignal.timeout(silenceMs));
    if (open.get(runId)?.run === run) open.delete(runId);
    run.close();
    // Whoever has the run's file makes one of all.
    if (run.shard > 0) return;
    await files?.abandoned();
    await queries.ask("recover", { folder: run.folder, reason: controllerGone });
  };

  const recover = async (runId: string, { folder, reason }: RecoverRun): Promise<void> => {
    await abandoned.get(runId)?.catch(() => {});
    if (open.has(runId)) throw new AssayError("failed_precondition", `run ${runId} is being written`);
    // It may have ended before there was anything to write, or on another host.
    if (shardFolders.has(runId) || !existsSync(join(folder, RUN_FILE))) return;
    await remoteShards(runId, folder, shardsOf(folder)).abandoned();
    await queries.ask("recover", { folder, reason });
  };

  const conclude = async (runId: string, found: OpenRun, { state, reason }: FinishRun): Promise<void> => {
    const name = state === RunState.COMPLETED ? "COMPLETED" : state === RunState.CANCELLED ? "CANCELLED" : "FAILED";
    try {
      await found.run.finish({
        state: name,
        wasCancelled: name === "CANCELLED",
        endedWallNs: wallOfMonotonic(monotonicNs()),
        ...(reason === "" ? {} : { reason }),
      });
    } finally {
      open.delete(runId);
    }
  };

  return {
    name: "records-manager",
    implementations: [
      createRecordsManagerService({
        runOf: (runId) => open.get(runId)?.run,
        folderOf,
        phaseOf: (runId, index) => {
          const phase = find(runId).spec.phases[index];
          return { name: phase?.name ?? String(index), kind: phase?.kind ?? PhaseKind.UNSPECIFIED };
        },
        queries,
      }),
      createShardService({
        runOf: (runId) => open.get(runId)?.run,
        folderOf: (runId) => shardFolders.get(runId),
        dropped: (runId) => shardFolders.delete(runId),
      }),
    ],
    async onCommand({ runId, action, traceContext }) {
      switch (action.case) {
        case "configure":
          configure(runId, action.value);
          return done;
        case "startPhase":
          open.get(runId)?.run.setState("RUNNING", wallOfMonotonic(monotonicNs()));
          open.get(runId)?.spans?.phaseStarted(action.value.phase, traceContext);
          return done;
        case "closePhase": {
          const { source } = action.value;
          const { run } = find(runId);
          if (source.case === undefined) throw new AssayError("invalid_argument", "source: an account or a heartbeat is needed");
          const closed = await (source.case === "account"
            ? run.closePhase(source.value)
            : run.closeFromRows(heartbeatOf(source.value)));
          return identity(run, closed);
        }
        case "finish":
          await finish(runId, action.value);
          return done;
        case "recoverRun":
          await recover(runId, action.value);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged() {
      for (const [runId, found] of open) {
        const ending = abandon(runId, found);
        abandoned.set(runId, ending);
        ending.catch((error: unknown) =>
          log.error("a run whose controller is gone was not closed", { run_id: runId, error: messageOf(error) }),
        );
      }
    },
    counters() {
      const all = [...open.values()];
      return { committed_rows: all.reduce((sum, { run }) => sum + run.committedRows, 0), pending_rows: pendingRows() };
    },
    families: () =>
      familiesOf(recordsManagerInstruments, {
        assay_records_manager_runs: open.size,
        assay_records_manager_processor_streams: counts.streams,
        assay_records_manager_committed_rows_total: counts.committed,
        assay_records_manager_pending_rows: pendingRows(),
        assay_records_manager_commit_seconds: counts.commitSeconds.distribution,
        assay_records_manager_duplicate_records_total: counts.duplicates,
        assay_records_manager_late_records_total: counts.late,
      }),
    async stop() {
      for (const { run } of open.values()) run.close();
      open.clear();
      await queries.close();
    },
  };
}

function headerOf(
  runId: string,
  spec: RunSpec,
  rest: Pick<RunHeader, "createdWallNs" | "suiteWallOffsetNs" | "otherShards">,
): RunHeader {
  return {
    runId,
    spec: toJsonString(RunSpecSchema, maskSecrets(spec)),
    versions: { assay: version, commit: commit(), node: process.versions.node },
    phases: spec.phases.map(({ name, kind, load, prefillConcurrency }, phase) => ({
      phase,
      name,
      kind: kind === PhaseKind.WARMUP ? "warmup" : "profiling",
      hasCeiling: load.case === "rate" && (load.value.concurrencyCeiling !== undefined || prefillConcurrency !== undefined),
    })),
    ...rest,
  };
}

const zeroIdentity = {
  drawn: 0n,
  unused: 0n,
  dropped: 0n,
  succeeded: 0n,
  errored: 0n,
  cancelled: 0n,
  missingRecord: 0n,
  missingLost: 0n,
  late: 0n,
  conflicts: 0n,
  unaccounted: 0n,
  abandoned: 0n,
  queued: 0n,
};
