/** A record-processor's run over real gRPC, between workers and a records-manager that the test plays. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import {
  ProcessRecordsRequestSchema,
  RecordProcessorService,
} from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import type { MetricRecord } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { type IngestHello, RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import { RecordBatchWriter } from "../../../services/common/record-batch.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { type Implementation, implement, type MessageStream } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import type { AnswerChecker } from "../../../services/record-processor/core/answer-checker.ts";
import { ingestCodecs, ProcessorRun } from "../../../services/record-processor/processor-run.ts";
import { createRecordProcessorService } from "../../../services/record-processor/service.ts";
import type { Harness } from "../rpc/harness.ts";

/** One stream of the processor, as the manager sees it. */
export interface ManagerSide {
  readonly hello: IngestHello;
  readonly batches: { readonly seq: number; readonly records: readonly MetricRecord[] }[];
  ack(seq: number): void;
  break(): void;
  pause(): void;
  resume(): void;
}

/** One stream of a worker. */
export interface WorkerSide {
  /** Acks so far, that of the hello included. */
  readonly acks: number[];
  /** How it ended; undefined: it has not. `ok`: without an error. */
  end: AssayError | "ok" | undefined;
  batch(seq: number, ...records: RawRecord[]): void;
  /** A batch of one record whose payload came in so many parts before. */
  last(seq: number, record: RawRecord, parts: number): void;
  part(creditId: number, seq: number, data: Uint8Array): void;
  raw(bytes: Uint8Array): boolean;
  halfClose(): void;
}

export interface Scene {
  readonly run: ProcessorRun;
  readonly manager: ManagerSide[];
  readonly managerState: { isAcking: boolean; isTaking: boolean };
  worker(workerId?: string, protocolVersion?: number): WorkerSide;
  readonly client: ReturnType<typeof clientOf>;
}

export async function startScene(
  harness: Harness,
  spec: MessageInitShape<typeof RunSpecSchema> = {},
  checker?: AnswerChecker,
): Promise<Scene> {
  const manager: ManagerSide[] = [];
  const managerState = { isAcking: true, isTaking: true };
  const managerAddress = await serve(harness, managerService(manager, managerState));
  const managerChannel = createChannel({ address: managerAddress });
  harness.onClose(() => managerChannel.close());
  const run = new ProcessorRun({
    runId: "run",
    memberId: "p1",
    shard: 0,
    spec: create(RunSpecSchema, spec),
    counters: { countTokens: undefined },
    checker,
    log: silentLogger,
    dial: () => createClient(RecordsManagerService, managerChannel, ingestCodecs).ingestRecords(),
  });
  harness.onClose(() => run.close());
  const address = await serve(
    harness,
    createRecordProcessorService(
      (runId) => (runId === "run" ? run : undefined),
      () => "p1",
    ),
  );
  const channel = createChannel({ address });
  harness.onClose(() => channel.close());
  const client = clientOf(channel);
  return { run, manager, managerState, client, worker: (id = "w1", version = 1) => dialWorker(client, id, version) };
}

/** A records-manager whose streams are seen in `streams`; resolves with its address. */
export function startManager(harness: Harness, streams: ManagerSide[]): Promise<string> {
  return serve(harness, managerService(streams, { isAcking: true, isTaking: true }));
}

async function serve(harness: Harness, service: Implementation): Promise<string> {
  const server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
  const { address } = await server.start();
  harness.onClose(() => server.stop(0));
  return address;
}

function clientOf(channel: ReturnType<typeof createChannel>) {
  return createClient(RecordProcessorService, channel, { processRecords: { requestSerialize: (bytes: Uint8Array) => bytes } });
}

function managerService(streams: ManagerSide[], state: Scene["managerState"]): Implementation {
  const none = () => {
    throw new AssayError("unimplemented", "not in this test");
  };
  return implement(RecordsManagerService, {
    role: "member",
    handlers: {
      ingestRecords: {
        onStream(stream) {
          stream.onMessage(({ message }) => {
            if (message.case !== "hello") throw new AssayError("invalid_argument", "no hello");
            if (!state.isTaking) throw new AssayError("unavailable", "not yet");
            const side = managerSideOf(stream, message.value);
            stream.onMessage(({ message: next }) => {
              if (next.case !== "batch") throw new AssayError("invalid_argument", `a ${next.case}`);
              const seq = Number(next.value.seq);
              side.batches.push({ seq, records: next.value.records });
              if (state.isAcking) side.ack(seq);
            });
            streams.push(side);
            side.ack(0);
          });
        },
      },
      ingestSamples: { onStream: none },
      queryRecords: none,
      streamRecords: none,
      summarizeRecords: none,
      getTimeline: none,
      exportRun: none,
      watchSummary: none,
    },
  });
}

function managerSideOf(stream: MessageStream<unknown, { ackedSeq: bigint }>, hello: IngestHello): ManagerSide {
  return {
    hello,
    batches: [],
    ack: (seq) => stream.send({ ackedSeq: BigInt(seq) }),
    break: () => stream.fail(new AssayError("unavailable", "broken by the test")),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  };
}

function dialWorker(client: ReturnType<typeof clientOf>, workerId: string, protocolVersion: number): WorkerSide {
  const stream = client.processRecords();
  const encode = (message: Parameters<typeof create<typeof ProcessRecordsRequestSchema>>[1]): Uint8Array =>
    toBinary(ProcessRecordsRequestSchema, create(ProcessRecordsRequestSchema, message));
  const last = (seq: number, records: readonly RawRecord[], parts: number): void => {
    const writer = new RecordBatchWriter(0);
    for (const record of records) writer.add(record, parts);
    stream.send(writer.finish(seq));
  };
  const side: WorkerSide = {
    acks: [],
    end: undefined,
    batch: (seq, ...records) => last(seq, records, 0),
    last: (seq, record, parts) => last(seq, [record], parts),
    part: (creditId, seq, data) => {
      stream.send(encode({ message: { case: "part", value: { creditId: BigInt(creditId), seq, data } } }));
    },
    raw: (bytes) => stream.send(bytes),
    halfClose: () => stream.end(),
  };
  stream.onMessage(({ ackedSeq }) => side.acks.push(Number(ackedSeq)));
  stream.onClose((error) => {
    side.end = error ?? "ok";
  });
  const hello = { protocolVersion, runId: "run", workerId, incarnation: 1n, wallOffsetNs: 4 };
  stream.send(encode({ message: { case: "hello", value: hello } }));
  return side;
}
