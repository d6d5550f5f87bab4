/**
 * Records on their way out: encoded as they are made, batched by 64 KiB, 128 records or 20 ms, held in the outbox until the
 * records-manager has committed them. One ProcessRecords stream, dialled again when it breaks.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ProcessRecordsRequestSchema,
  type ProcessRecordsResponse,
} from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { BatchBuffers } from "../common/batch-buffers.ts";
import { setBatchSeq } from "../common/batch-wire.ts";
import { messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { RecordBatchWriter } from "../common/record-batch.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { Outbox, type OutboxLimits } from "./core/outbox.ts";
import { SpillFile } from "./spill-file.ts";

export type RecordsStream = MessageStream<ProcessRecordsResponse, Uint8Array>;

export interface RecordSenderOptions {
  dial(): RecordsStream;
  /** First message of every stream. */
  readonly hello: {
    readonly protocolVersion: number;
    readonly runId: string;
    readonly workerId: string;
    readonly incarnation: bigint;
    readonly wallOffsetNs: number;
    /** Default: 0. */
    readonly shard?: number;
  };
  readonly spillPath: string;
  /** Default: `outboxLimits`. */
  readonly limits?: OutboxLimits;
  readonly log: Logger;
  /** The outbox has room; said at every ack while it has. */
  onRoom(): void;
}

const batchBytes = 64 * 1024;
const batchRecords = 128;
const batchMs = 20;
const partBytes = 1 << 20;
/** Stamps and text of a record that cannot be sent in parts; well below what one message may hold. */
const maxAsideBytes = 8 << 20;
/** Sent in one turn of the event loop, about: many answers that end at once must not keep it from the others' chunks. */
const turnBytes = 128 * 1024;
/** 64 MiB in memory, 1 GiB in all. */
export const outboxLimits: OutboxLimits = { windowBytes: 16 << 20, memoryBytes: 64 << 20, totalBytes: 1 << 30 };
const firstBackoffMs = 50;
const lastBackoffMs = 500;

/** The messages of one batch: parts of a large record first, the batch itself last. */
type Messages = Buffer[];

export class RecordSender {
  private readonly options: RecordSenderOptions;
  private readonly outbox: Outbox<Messages>;
  private readonly spill: SpillFile;
  private readonly opened = Promise.withResolvers<void>();
  private readonly buffers = new BatchBuffers({ sizeBytes: batchBytes + 32 * 1024, kept: 64, keptBytes: 256 * 1024 });
  /** What is in such a buffer, and was sent on no stream that has ended: nobody reads it any more once it is acked. */
  private readonly reusable = new Set<Messages>();
  private writer = new RecordBatchWriter(this.buffers.take());
  private timer: NodeJS.Timeout | undefined;
  private stream: RecordsStream | undefined;
  private redial: NodeJS.Timeout | undefined;
  private backoffMs = firstBackoffMs;
  private isClosed = false;
  private made = 0;
  /** Records of each batch in the outbox, and of all of them. */
  private readonly batchSizes: number[] = [];
  private batched = 0;
  private waiters: (() => void)[] = [];
  /** On their way into the stream, oldest first. */
  private unsent: Messages[] = [];
  private sending: NodeJS.Immediate | undefined;

  constructor(options: RecordSenderOptions) {
    this.options = options;
    this.spill = new SpillFile(options.spillPath);
    this.outbox = new Outbox<Messages>(options.limits ?? outboxLimits, {
      send: ({ seq, payload }) => this.transmit(seq, payload),
      spill: ({ seq, payload }) => this.toSpill(seq, payload),
      readSpilled: (seq) => this.readBack(seq),
      release: (messages) => this.reuse(messages),
      spillEmpty: () => this.spill.empty(),
    });
    this.dial();
  }

  /** Resolves once a processor has taken the hello. */
  get ready(): Promise<void> {
    return this.opened.promise;
  }

  get isFull(): boolean {
    return this.outbox.isFull || this.spill.isBroken;
  }

  get stats(): {
    readonly batches: number;
    readonly bytes: number;
    readonly spilledBytes: number;
    /** Made since the start. */
    readonly records: number;
    /** Of these, not committed yet. */
    readonly waiting: number;
  } {
    return {
      batches: this.outbox.count + (this.writer.count > 0 ? 1 : 0),
      bytes: this.outbox.totalBytes + (this.writer.count > 0 ? this.writer.sizeBytes : 0),
      spilledBytes: this.spill.sizeBytes,
      records: this.made,
      waiting: this.batched + this.writer.count,
    };
  }

  /** Copies what it needs of the record. Never throws. */
  add(record: RawRecord): void {
    this.made++;
    const { creditId, stamps, inputText = "", expectation } = record;
    if (stamps.length + inputText.length + (expectation?.length ?? 0) > maxAsideBytes) {
      this.options.log.error("a record is too large for a message; it will be missing", { credit_id: creditId });
      return;
    }
    if (record.payload.length > partBytes) {
      this.addLarge(record);
      return;
    }
    this.writer.add(record);
    if (this.writer.count >= batchRecords || this.writer.sizeBytes >= batchBytes) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), batchMs);
  }

  /** Sends what is batched now. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writer.count === 0) return;
    const writer = this.writer;
    this.writer = new RecordBatchWriter(this.buffers.take());
    const records = writer.count;
    const messages = [writer.finish(0)];
    this.reusable.add(messages);
    this.keep(messages, records);
  }

  /** Resolves when everything is committed; false when the signal came first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    const wake = (): void => {
      for (const resolve of this.waiters.splice(0)) resolve();
    };
    signal.addEventListener("abort", wake);
    try {
      for (;;) {
        this.flush();
        if (this.outbox.count === 0) return true;
        if (signal.aborted || this.isClosed) return false;
        await new Promise<void>((resolve) => this.waiters.push(resolve));
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearTimeout(this.redial);
    clearImmediate(this.sending);
    this.stream?.end();
    for (const wake of this.waiters.splice(0)) wake();
    await this.spill.remove();
  }

  private addLarge(record: RawRecord): void {
    this.flush();
    const messages: Messages = [];
    let at = 0;
    let seq = 0;
    for (; record.payload.length - at > partBytes; at += partBytes) {
      const part = { creditId: BigInt(record.creditId), seq: seq++, data: record.payload.subarray(at, at + partBytes) };
      messages.push(
        Buffer.from(
          toBinary(ProcessRecordsRequestSchema, create(ProcessRecordsRequestSchema, { message: { case: "part", value: part } })),
        ),
      );
    }
    const writer = new RecordBatchWriter(Buffer.allocUnsafeSlow(partBytes + batchBytes));
    writer.add({ ...record, payload: record.payload.subarray(at) }, seq);
    messages.push(writer.finish(0));
    this.keep(messages, 1);
  }

  private keep(messages: Messages, records: number): void {
    this.batchSizes.push(records);
    this.batched += records;
    this.outbox.add(
      messages,
      messages.reduce((sum, message) => sum + message.length, 0),
    );
  }

  private reuse(messages: Messages): void {
    if (!this.reusable.delete(messages)) return;
    for (const message of messages) this.buffers.giveBack(message);
  }

  private transmit(seq: number, messages: Messages): void {
    const batch = messages.at(-1);
    if (batch === undefined) return;
    setBatchSeq(batch, seq);
    this.unsent.push(messages);
    this.sending ??= setImmediate(() => this.sendSome());
  }

  private sendSome(): void {
    this.sending = undefined;
    let sent = 0;
    let count = 0;
    for (; sent < turnBytes && count < this.unsent.length; count++) {
      for (const message of this.unsent[count] ?? []) {
        this.stream?.send(message);
        sent += message.length;
      }
    }
    this.unsent = this.unsent.slice(count);
    if (this.unsent.length > 0) this.sending = setImmediate(() => this.sendSome());
  }

  private toSpill(seq: number, messages: Messages): void {
    const wasBroken = this.spill.isBroken;
    const error = this.spill.write(seq, messages);
    if (error === undefined) this.reuse(messages);
    else if (!wasBroken) {
      this.options.log.error("no further requests until records are committed", {
        error: error.message,
        cause: messageOf(error.cause),
      });
    }
  }

  private readBack(seq: number): void {
    this.spill.read(seq).then(
      (messages) => this.outbox.readBack(seq, messages),
      (error: unknown) => {
        if (this.isClosed) return;
        this.options.log.error("spilled records are lost", { error: messageOf(error) });
        // An empty batch in its place: what comes after it still gets through, what was in it is counted as missing.
        this.outbox.readBack(seq, [new RecordBatchWriter().finish(seq)]);
      },
    );
  }

  private dial(): void {
    if (this.isClosed) return;
    const stream = this.options.dial();
    this.stream = stream;
    const hello = create(ProcessRecordsRequestSchema, { message: { case: "hello", value: this.options.hello } });
    stream.send(toBinary(ProcessRecordsRequestSchema, hello));
    stream.onMessage(({ ackedSeq }) => {
      this.backoffMs = firstBackoffMs;
      // The processor answers a hello with an ack of nothing: it has its own stream to the manager.
      if (ackedSeq === 0n) {
        this.outbox.connected();
        this.opened.resolve();
        return;
      }
      this.outbox.acked(Number(ackedSeq));
      while (this.batchSizes.length > this.outbox.count) this.batched -= this.batchSizes.shift() ?? 0;
      for (const wake of this.waiters.splice(0)) wake();
      if (!this.isFull) this.options.onRoom();
    });
    stream.onClose((error) => {
      if (this.stream !== stream) return;
      this.stream = undefined;
      // The outbox sends them again on the next stream.
      this.unsent = [];
      this.reusable.clear();
      this.outbox.streamEnded();
      if (this.isClosed) return;
      this.options.log.debug("the stream to the record-processor ended; dialling again", { error: error?.message });
      this.redial = setTimeout(() => this.dial(), this.backoffMs);
      this.backoffMs = Math.min(this.backoffMs * 2, lastBackoffMs);
    });
  }
}
