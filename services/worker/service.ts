/** RPCs of a worker, for people and probes; load reaches it by credits. */
import { setTimeout as delay } from "node:timers/promises";
import { create, fromBinary } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { ProcessRecordsRequestSchema } from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { GetStatusResponseSchema, WorkerService } from "../../gen/assay/worker/v1/worker_service_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import { askedMs } from "../common/asked-ms.ts";
import { AssayError } from "../common/errors.ts";
import type { ProcessUsage } from "../common/member/usage.ts";
import { RecordBatchWriter } from "../common/record-batch.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { sendOne } from "./send-one.ts";
import type { WorkerRun } from "./worker-run.ts";

export interface WorkerServiceDeps {
  /** This process's id at the controller; known once it has joined. */
  workerId(): string;
  /** The run that this worker has; undefined: none. */
  current(): { readonly runId: string; readonly run: WorkerRun } | undefined;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
  usage(): ProcessUsage | undefined;
}

const defaultDrainMs = 30_000;
const drainPollMs = 20;

export function createWorkerService({ workerId, current, usage, ...extras }: WorkerServiceDeps): Implementation {
  return implement(WorkerService, {
    role: "operator",
    roles: { getStatus: "viewer" },
    handlers: {
      getStatus: () => {
        const now = current();
        const measured = usage();
        const status = now?.run.status();
        return create(GetStatusResponseSchema, {
          workerId: workerId(),
          runId: now?.runId ?? "",
          inFlight: status?.inFlight ?? 0,
          slots: status?.credits.limit ?? 0,
          held: status?.credits.held ?? 0,
          connections: status?.connections.connections ?? 0,
          spareConnections: status?.connections.spare ?? 0,
          outboxRecords: BigInt(status?.outbox.waiting ?? 0),
          outboxBytes: BigInt(status?.outbox.bytes ?? 0),
          spilledBytes: BigInt(status?.outbox.spilledBytes ?? 0),
          sent: BigInt(status?.sent ?? 0),
          replacedConnections: BigInt(status?.connections.replaced ?? 0),
          ...(measured === undefined ? {} : { usage: { ...measured, rssBytes: BigInt(measured.rssBytes) } }),
        });
      },
      drain: async (request, context) => {
        const now = current();
        if (now === undefined) return { inFlight: 0, outboxRecords: 0n };
        const limit = AbortSignal.any([context.signal, AbortSignal.timeout(askedMs(request.timeoutMs, defaultDrainMs))]);
        while (now.run.inFlight > 0 && !limit.aborted) await delay(drainPollMs);
        await now.run.drained(limit);
        return { inFlight: now.run.inFlight, outboxRecords: BigInt(now.run.status().outbox.waiting) };
      },
      sendOne: async (request, context) => {
        const { record, url, connection, headers } = await sendOne(request, workerId(), context.signal, extras);
        const writer = new RecordBatchWriter();
        writer.add(record);
        const message = fromBinary(ProcessRecordsRequestSchema, writer.finish(1)).message;
        const wire = message.case === "batch" ? message.value.records[0] : undefined;
        if (wire === undefined) throw new AssayError("internal", "the record did not encode");
        return { record: wire, url, headers, ...(connection === undefined ? {} : { connection }) };
      },
    },
  });
}
