/** A record-processor that a test plays: it sees every message and acks when told to. */
import { fromBinary } from "@bufbuild/protobuf";
import {
  ProcessRecordsRequestSchema,
  RecordProcessorService,
  type RecordsHello,
} from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { isBatch } from "../../../services/common/batch-wire.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import { readRecordBatch } from "../../../services/common/record-batch.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { implement, type MessageStream } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import type { RecordsStream } from "../../../services/worker/record-sender.ts";

type Stream = MessageStream<Buffer, { ackedSeq: bigint }>;

/** One stream of the worker, as it was seen. */
export interface SeenStream {
  readonly stream: Stream;
  readonly hello: RecordsHello;
  readonly batches: {
    readonly seq: number;
    readonly records: readonly RawRecord[];
    readonly parts: readonly number[];
    readonly bytes: number;
  }[];
  readonly parts: { readonly creditId: number; readonly seq: number; readonly data: Buffer }[];
  hasEnded: boolean;
  ack(seq: number): void;
  break(): void;
}

export interface FakeProcessor {
  readonly streams: SeenStream[];
  /** Acks every batch as it comes. */
  isAcking: boolean;
  /** Answers the hello of every stream. */
  isTaking: boolean;
  dial(): RecordsStream;
  stop(): Promise<void>;
}

const codecs = { processRecords: { requestDeserialize: (bytes: Buffer) => bytes } };

export async function startFakeProcessor(): Promise<FakeProcessor> {
  const streams: SeenStream[] = [];
  const service = implement(RecordProcessorService, {
    role: "member",
    codecs,
    handlers: {
      processRecords: {
        onStream(stream) {
          stream.onMessage((bytes) => {
            const { message } = fromBinary(ProcessRecordsRequestSchema, bytes);
            if (message.case !== "hello") throw new Error("no hello");
            const seen: SeenStream = {
              stream,
              hello: message.value,
              batches: [],
              parts: [],
              hasEnded: false,
              ack: (seq) => stream.send({ ackedSeq: BigInt(seq) }),
              break: () => stream.fail(new AssayError("unavailable", "broken by the test")),
            };
            streams.push(seen);
            stream.onClose(() => {
              seen.hasEnded = true;
            });
            stream.onMessage((next) => receive(seen, next, processor.isAcking));
            if (processor.isTaking) seen.ack(0);
          });
        },
      },
      parseResponse: () => ({}),
    },
  });
  const server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
  const { address } = await server.start();
  const channel = createChannel({ address });
  const serialize = { processRecords: { requestSerialize: (message: Uint8Array) => message } };
  const processor: FakeProcessor = {
    streams,
    isAcking: true,
    isTaking: true,
    dial: () => createClient(RecordProcessorService, channel, serialize).processRecords(),
    async stop() {
      channel.close();
      await server.stop(0);
    },
  };
  return processor;
}

function receive(seen: SeenStream, bytes: Buffer, isAcking: boolean): void {
  if (!isBatch(bytes)) {
    const { message } = fromBinary(ProcessRecordsRequestSchema, bytes);
    if (message.case !== "part") throw new Error(`a ${message.case}`);
    const { creditId, seq, data } = message.value;
    seen.parts.push({ creditId: Number(creditId), seq, data: Buffer.from(data) });
    return;
  }
  const { seq, records } = readRecordBatch(bytes, { workerId: seen.hello.workerId, wallOffsetNs: seen.hello.wallOffsetNs });
  seen.batches.push({
    seq,
    records: records.map(({ record }) => ({ ...record, payload: Buffer.from(record.payload) })),
    parts: records.map(({ parts }) => parts),
    bytes: bytes.length,
  });
  if (isAcking) seen.ack(seq);
}
