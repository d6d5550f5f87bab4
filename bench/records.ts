/**
 * Records per second from the worker's stream to a committed row, and CPU a record, for small JSON answers and for streams of 16
 * chunks: through the records process of a local run, and with the record-processor in a process of its own
 * (`--record-processors 1`). `node bench/records.ts [records per row]`. This process plays a worker: it makes records, batches them as
 * one does, and keeps no more bytes without an ack than one.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ProcessRecordsRequestSchema,
  type ProcessRecordsResponse,
  RecordProcessorService,
} from "../gen/assay/record_processor/v1/record_processor_service_pb.js";
import type { RawRecord } from "../services/common/raw-record.ts";
import { RecordBatchWriter } from "../services/common/record-batch.ts";
import { createChannel } from "../services/common/rpc/channel.ts";
import { createClient } from "../services/common/rpc/client.ts";
import type { MessageStream } from "../services/common/rpc/handler.ts";
import { protocolVersion } from "../services/common/version.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { plainRecord, shapes, streamedRecord } from "./support/raw-records.ts";
import { Side, type Used } from "./support/side.ts";

const count = Number(process.argv[2] ?? 100_000);
const warmUpCount = Math.min(30_000, count);
const streamedBar = 30_000;
const batchBytes = 64 * 1024;
const batchRecords = 128;
/** A worker's window. */
const unackedBytes = 16 << 20;
const distinct = 1024;

process.stdout.write(machineLine());
const codecs = { processRecords: { requestSerialize: (bytes: Uint8Array) => bytes } };

/** A worker's stream of records. */
class Feeder {
  private readonly stream: MessageStream<ProcessRecordsResponse, Uint8Array>;
  private readonly records: readonly RawRecord[];
  private creditId = 0;
  private seq = 0;
  private acked = 0;
  /** Of the batches that are not acked, oldest first, and of all of them. */
  private readonly sizes: number[] = [];
  private unacked = 0;
  private isOver = false;
  private wake = (): void => {};

  constructor(stream: MessageStream<ProcessRecordsResponse, Uint8Array>, records: readonly RawRecord[]) {
    this.stream = stream;
    this.records = records;
    const hello = { protocolVersion, runId: "run", workerId: "worker-1", incarnation: 1n, wallOffsetNs: 1.7e18 };
    const message = create(ProcessRecordsRequestSchema, { message: { case: "hello", value: hello } });
    stream.send(toBinary(ProcessRecordsRequestSchema, message));
    stream.onMessage(({ ackedSeq }) => {
      for (; this.acked < Number(ackedSeq); this.acked++) this.unacked -= this.sizes.shift() ?? 0;
      this.wake();
    });
    stream.onClose((error) => {
      if (!this.isOver) throw error ?? new Error("the records process ended the stream");
    });
  }

  end(): void {
    this.isOver = true;
    this.stream.end();
  }

  /** Sends so many records at least; resolves when all of them are acked. */
  async feed(count: number): Promise<void> {
    const last = this.creditId + count;
    while (this.creditId < last) {
      while (this.unacked < unackedBytes && this.creditId < last) this.send(this.batch());
      await this.nextAck();
    }
    while (this.acked < this.seq) await this.nextAck();
  }

  private send(batch: Buffer): void {
    this.sizes.push(batch.length);
    this.unacked += batch.length;
    this.stream.send(batch);
  }

  private nextAck(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private batch(): Buffer {
    const writer = new RecordBatchWriter(batchBytes);
    while (writer.count < batchRecords && writer.sizeBytes < batchBytes) {
      this.creditId++;
      const record = this.records[this.creditId % this.records.length] as RawRecord;
      writer.add({ ...record, creditId: this.creditId });
    }
    return writer.finish(++this.seq);
  }
}

/** Who takes the records, and who commits them. */
interface Sides {
  readonly processor: Side;
  readonly manager: Side;
}

const arrangements: readonly (readonly [string, () => Promise<Sides>])[] = [
  ["one records process", inOne],
  ["two", apart],
];
const figures: Figure[] = [];
for (const [where, start] of arrangements) {
  for (const [name, recordOf, bar] of [
    ["small JSON", plainRecord, undefined],
    ["streams of 16 chunks", (id: number) => streamedRecord(shapes.vllm, id, 16), streamedBar],
  ] as const) {
    const { perSec, cpuUs } = await measure(
      await start(),
      Array.from({ length: distinct }, (_, index) => recordOf(index + 1)),
    );
    const title = `${where}, ${name}`;
    figures.push(
      {
        figure: `${title}: committed`,
        measured: perSec,
        unit: "/s",
        bar: bar === undefined ? bar : { of: "figure", atLeast: bar },
      },
      { figure: `${title}: CPU a record`, measured: cpuUs, unit: "µs" },
    );
  }
}
reportFigures("records", figures);

async function inOne(): Promise<Sides> {
  const side = await Side.start("records-side");
  return { processor: side, manager: side };
}

async function apart(): Promise<Sides> {
  const manager = await Side.start("records-side", "manager");
  return { manager, processor: await Side.start("records-side", "processor", manager.address) };
}

async function measure({ processor, manager }: Sides, records: readonly RawRecord[]): Promise<{ perSec: number; cpuUs: number }> {
  const sides = new Set([processor, manager]);
  const channel = createChannel({ address: processor.address });
  const feeder = new Feeder(createClient(RecordProcessorService, channel, codecs).processRecords(), records);
  await feeder.feed(warmUpCount);
  const before = await usedBy(sides);
  const startMs = performance.now();
  await feeder.feed(count);
  const sec = (performance.now() - startMs) / 1000;
  const after = await usedBy(sides);
  feeder.end();
  channel.close();
  for (const side of sides) await side.stop();
  const committed = after.count - before.count;
  return { perSec: committed / sec, cpuUs: (after.cpuUs - before.cpuUs) / committed };
}

async function usedBy(sides: Iterable<Side>): Promise<Used> {
  const used = await Promise.all([...sides].map((side) => side.used()));
  const sum = (of: (one: Used) => number): number => used.reduce((total, one) => total + of(one), 0);
  return { count: sum(({ count }) => count), cpuUs: sum(({ cpuUs }) => cpuUs) };
}
