/** Records on their way out, to as many records-managers as share the run's rows: a sender, its stream and its outbox for each shard. */
import type { RawRecord } from "../common/raw-record.ts";
import { shardOf } from "../common/record-shard.ts";
import { outboxLimits, RecordSender, type RecordSenderOptions, type RecordsStream } from "./record-sender.ts";

export interface RecordSendersOptions extends Omit<RecordSenderOptions, "dial" | "hello" | "limits"> {
  /** At least 1. */
  readonly shards: number;
  /** Opens a stream for records of a shard. */
  dial(shard: number): RecordsStream;
  readonly hello: Omit<RecordSenderOptions["hello"], "shard">;
}

export class RecordSenders {
  private readonly senders: readonly RecordSender[];

  constructor({ shards, dial, hello, spillPath, onRoom, ...options }: RecordSendersOptions) {
    const { windowBytes, memoryBytes, totalBytes } = outboxLimits;
    const limits = { windowBytes, memoryBytes: memoryBytes / shards, totalBytes: totalBytes / shards };
    this.senders = Array.from(
      { length: shards },
      (_, shard) =>
        new RecordSender({
          ...options,
          dial: () => dial(shard),
          hello: { ...hello, shard },
          spillPath: shard === 0 ? spillPath : `${spillPath}-${shard}`,
          limits,
          onRoom: () => {
            if (!this.isFull) onRoom();
          },
        }),
    );
  }

  /** Resolves once processors have taken every hello. */
  get ready(): Promise<unknown> {
    return Promise.all(this.senders.map(({ ready }) => ready));
  }

  /** One of them is: nothing says whose the next record is. */
  get isFull(): boolean {
    return this.senders.some((sender) => sender.isFull);
  }

  /** Those of all together. */
  get stats(): RecordSender["stats"] {
    const all = this.senders.map(({ stats }) => stats);
    const sum = (of: (stats: RecordSender["stats"]) => number): number => all.reduce((total, stats) => total + of(stats), 0);
    return {
      batches: sum(({ batches }) => batches),
      bytes: sum(({ bytes }) => bytes),
      spilledBytes: sum(({ spilledBytes }) => spilledBytes),
      records: sum(({ records }) => records),
      waiting: sum(({ waiting }) => waiting),
    };
  }

  /** As `RecordSender.add`. */
  add(record: RawRecord): void {
    this.senders[shardOf(record.creditId, this.senders.length)]?.add(record);
  }

  /** Resolves when everything is committed; false when the signal came first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    const all = await Promise.all(this.senders.map((sender) => sender.drained(signal)));
    return all.every((isDrained) => isDrained);
  }

  async close(): Promise<void> {
    await Promise.all(this.senders.map((sender) => sender.close()));
  }
}
