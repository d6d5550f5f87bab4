/** A worker as a module of its process: one run at a time, its streams dialled by the directory. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import type { AskTarget, ConfigureRun, MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { RecordProcessorService } from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { TimingService } from "../../gen/assay/timing/v1/timing_service_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import { workerCreditsCodecs } from "../common/credit-codec.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { ProcessUsage } from "../common/member/usage.ts";
import type { CommandOutcome, ServiceModule } from "../common/module.ts";
import { familiesOf, PhaseHistograms, RunTotals } from "../common/observe/counting.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { createClient } from "../common/rpc/client.ts";
import { askTarget } from "./ask-target.ts";
import { worthKeepingBytes } from "./core/kept-bytes.ts";
import { workerInstruments } from "./instruments.ts";
import { createPath, keptBodies } from "./request-path.ts";
import { createWorkerService } from "./service.ts";
import { WorkerRun } from "./worker-run.ts";

export interface WorkerDeps {
  /** This process's id at the controller. */
  id(): string;
  readonly log: Logger;
  readonly clock: SuiteClock;
  readonly addresses: Addresses;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Where requests may go. Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
  /** Folder for records that do not fit the outbox's memory. */
  readonly spillDir: string;
  usage(): ProcessUsage | undefined;
  report(event: MemberEvent["event"], runId: string): void;
}

const done = { case: undefined } as const;
/** What records of a run that lost its controller may take to be committed. */
const outboxMs = 5_000;
/** Bytes on their way out are made by the record sender itself. */
const recordsCodec = { processRecords: { requestSerialize: (message: Uint8Array) => message } };

function routeIn(routes: readonly (() => Channel)[], shard: number): () => Channel {
  const route = routes[shard];
  if (route === undefined) throw new AssayError("internal", `there is no route to shard ${shard}`);
  return route;
}

export function createWorkerModule(deps: WorkerDeps): ServiceModule {
  const { log, clock, addresses, report } = deps;
  const incarnation = randomBytes(8).readBigUInt64LE();
  const totals = new RunTotals(["sent", "opened", "replaced", "records", "stalls", "fencings"]);
  const lateness = new PhaseHistograms(workerInstruments.assay_worker_lateness_seconds.bounds);
  let abandoning: Promise<void> | undefined;
  let current: { readonly runId: string; readonly run: WorkerRun } | undefined;
  /** Questions to the target, until the run that wants to know is over. */
  const asking = new Map<string, AbortController>();

  const ask = async (runId: string, question: AskTarget, signal: AbortSignal): Promise<CommandOutcome> => {
    const over = asking.get(runId) ?? new AbortController();
    asking.set(runId, over);
    return {
      case: "target",
      value: await askTarget(question, deps.id(), AbortSignal.any([signal, over.signal]), deps),
    };
  };

  const stopAsking = (runId: string): void => {
    asking.get(runId)?.abort();
    asking.delete(runId);
  };

  const close = async (): Promise<void> => {
    const closing = current;
    current = undefined;
    if (closing !== undefined) totals.ended(closing.run.counts());
    await closing?.run.close();
  };

  /** The run lost its controller: nothing more is sent, and what was measured is brought in. */
  const abandon = async (): Promise<void> => {
    await current?.run.endRequests(AbortSignal.timeout(outboxMs));
    await close();
  };

  const configure = async (runId: string, command: ConfigureRun, signal: AbortSignal): Promise<void> => {
    await abandoning;
    await close();
    const workerId = deps.id();
    if (command.spec === undefined) throw new AssayError("invalid_argument", "a worker needs a spec");
    const { spec, dataset: handle } = command;
    const kept = handle === undefined ? {} : { keptBytes: worthKeepingBytes(spec, handle, keptBodies) };
    const shards = Array.from({ length: spec.recordManagers ?? 1 }, (_, shard) => shard);
    const [path, dataset, timing, records] = await Promise.all([
      createPath(spec, { endpoints: deps.endpoints, allowed: deps.allowed, ...kept }),
      addresses.channelTo("dataset", signal),
      addresses.channelTo("timing", signal),
      // A processor keeps nothing, so that any of them may have a record: each has a part of the workers, whatever shard is written at the moment.
      Promise.all(shards.map((shard) => addresses.routeTo("record-processor", signal, { place: command.place + shard }))),
    ]);
    const run = new WorkerRun({
      runId,
      workerId,
      configure: command,
      path,
      clock,
      log,
      incarnation,
      lateness,
      spillPath: join(deps.spillDir, `assay-${runId}-${workerId}.spill`),
      dial: {
        turns: () => createClient(DatasetService, dataset).fetchTurns(),
        credits: () => createClient(TimingService, timing, workerCreditsCodecs).credits(),
        records: (shard) => createClient(RecordProcessorService, routeIn(records, shard)(), recordsCodec).processRecords(),
      },
      leaseChannel: timing.reach,
      note: (kind, message) =>
        report(
          {
            case: "note",
            value: { $typeName: "assay.controller.v1.RunEvent", atNs: clock.now(), kind, message, memberId: workerId },
          },
          runId,
        ),
    });
    current = { runId, run };
    await run.ready(signal);
  };

  return {
    name: "worker",
    implementations: [
      createWorkerService({
        workerId: () => deps.id(),
        current: () => current,
        usage: deps.usage,
        endpoints: deps.endpoints,
        allowed: deps.allowed,
      }),
    ],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure":
          await configure(runId, action.value, signal);
          return done;
        case "askTarget":
          return ask(runId, action.value, signal);
        case "finish":
          stopAsking(runId);
          if (current?.runId === runId) await close();
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged() {
      abandoning = abandon().catch((error: unknown) => log.error("the run could not be closed", { error }));
    },
    counters() {
      const status = current?.run.status();
      if (status === undefined) return {};
      return {
        in_flight: status.inFlight,
        held: status.credits.held,
        at_rest: status.isAtRest ? 1 : 0,
        outbox_bytes: status.outbox.bytes,
        spilled_bytes: status.outbox.spilledBytes,
        outbox_stalls: status.outboxStalls,
        connections: status.connections.connections,
        spare_connections: status.connections.spare,
        opened_connections: status.connections.opened,
        replaced_connections: status.connections.replaced,
      };
    },
    families() {
      const sums = totals.with(current === undefined ? [] : [current.run.counts()]);
      const status = current?.run.status();
      return familiesOf(workerInstruments, {
        assay_worker_sent_requests_total: sums.sent,
        assay_worker_in_flight_requests: status?.inFlight ?? 0,
        assay_worker_held_credits: status?.credits.held ?? 0,
        assay_worker_lateness_seconds: lateness.points,
        assay_worker_open_connections: status?.connections.connections ?? 0,
        assay_worker_opened_connections_total: sums.opened,
        assay_worker_replaced_connections_total: sums.replaced,
        assay_worker_records_total: sums.records,
        assay_worker_outbox_records: status?.outbox.waiting ?? 0,
        assay_worker_outbox_bytes: status?.outbox.bytes ?? 0,
        assay_worker_spilled_bytes: status?.outbox.spilledBytes ?? 0,
        assay_worker_outbox_stalls_total: sums.stalls,
        assay_worker_fencings_total: sums.fencings,
      });
    },
    async stop(graceMs) {
      for (const runId of asking.keys()) stopAsking(runId);
      await current?.run.drained(AbortSignal.timeout(graceMs));
      await close();
    },
  };
}
