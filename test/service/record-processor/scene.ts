/** A record-processor's run over real gRPC, between workers and a records-manager that the test plays. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import {
  ProcessRecordsRequestSchema,
  RecordProcessorService,
  RecordsHelloSchema,
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
import {
  ingestCodecs,
  ProcessorRun,
  type WorkerStream as ProcessorWorkerStream,
} from "../../../services/record-processor/processor-run.ts";
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

/** A worker's message. @param parts how many the payload of its records had before */
export function batchOf(seq: number, records: readonly RawRecord[], parts = 0): Buffer {
  const writer = new RecordBatchWriter();
  for (const record of records) writer.add(record, parts);
  return writer.finish(seq);
}

export function partOf(creditId: number, seq: number, data: Uint8Array): Buffer {
  return encode({ message: { case: "part", value: { creditId: BigInt(creditId), seq, data } } });
}

function encode(message: Parameters<typeof create<typeof ProcessRecordsRequestSchema>>[1]): Buffer {
  return Buffer.from(toBinary(ProcessRecordsRequestSchema, create(ProcessRecordsRequestSchema, message)));
}

/** A worker whose messages come when `say` is called, as many in a turn as it likes. */
export function inTurn({ run }: Scene, workerId: string): { readonly acks: number[]; say(message: Buffer): void } {
  let say = (_: Buffer): void => {};
  const acks: number[] = [];
  const nothing = (): void => {};
  const stream: ProcessorWorkerStream = {
    onMessage: (listener) => (say = listener),
    onEnd: nothing,
    onClose: nothing,
    onDrain: nothing,
    send: ({ ackedSeq }) => acks.push(Number(ackedSeq)) > 0,
    queued: 0,
    end: nothing,
    fail: nothing,
    cancel: nothing,
    pause: nothing,
    resume: nothing,
  };
  run.accept(
    stream,
    create(RecordsHelloSchema, { protocolVersion: 1, runId: "run", workerId, incarnation: 1n, wallOffsetNs: 4 }),
  );
  return { acks, say: (message) => say(message) };
}

function dialWorker(client: ReturnType<typeof clientOf>, workerId: string, protocolVersion: number): WorkerSide {
  const stream = client.processRecords();
  const side: WorkerSide = {
    acks: [],
    end: undefined,
    batch: (seq, ...records) => void stream.send(batchOf(seq, records)),
    last: (seq, record, parts) => void stream.send(batchOf(seq, [record], parts)),
    part: (creditId, seq, data) => void stream.send(partOf(creditId, seq, data)),
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
