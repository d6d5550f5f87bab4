import { existsSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import {
  type ProcessRecordsResponse,
  ProcessRecordsResponseSchema,
} from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { RecordSender, type RecordSenderOptions, type RecordsStream } from "../../../services/worker/record-sender.ts";
import { plainRecord } from "../../unit/common/records.ts";
import { until } from "../rpc/harness.ts";
import { type FakeProcessor, type SeenStream, startFakeProcessor } from "./fake-processor.ts";

const soon = () => AbortSignal.timeout(10_000);
const hello = { protocolVersion: 1, runId: "run", workerId: "w1", incarnation: 9n, wallOffsetNs: 4 };

describe("record sender", () => {
  let folder: string;
  let processor: FakeProcessor;
  let sender: RecordSender;
  let errors: string[];
  let rooms: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "assay-sender-"));
    processor = await startFakeProcessor();
    errors = [];
    rooms = 0;
  });
  afterEach(async () => {
    await sender.close();
    await processor.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function open(options: Partial<RecordSenderOptions> = {}): void {
    const log = { ...silentLogger, error: (message: string) => errors.push(message) };
    const spillPath = join(folder, "records.spill");
    sender = new RecordSender({ dial: processor.dial, hello, spillPath, log, onRoom: () => rooms++, ...options });
  }

  function add(...creditIds: number[]): void {
    for (const creditId of creditIds) sender.add({ ...plainRecord, creditId });
  }

  function stream(index: number): SeenStream {
    const seen = processor.streams[index];
    if (seen === undefined) throw new Error(`there are ${processor.streams.length} streams`);
    return seen;
  }

  function idsOf(seen: SeenStream): number[] {
    return seen.batches.flatMap(({ records }) => records.map(({ creditId }) => creditId));
  }

  it("says hello, and is ready when the processor has taken it", async () => {
    open();
    await sender.ready;
    expect(stream(0).hello).to.include({ runId: "run", workerId: "w1", incarnation: 9n, wallOffsetNs: 4 });
  });

  it("sends what has come within 20 ms as one batch, in order, without being asked to", async () => {
    open();
    await sender.ready;
    add(1, 2, 3);
    await until("the batch", () => stream(0).batches.length === 1);
    expect(stream(0).batches[0]).to.include({ seq: 1 });
    expect(idsOf(stream(0))).to.deep.equal([1, 2, 3]);
  });

  it("sends a batch as soon as it has 128 records or 64 KiB", async () => {
    open();
    await sender.ready;
    add(...Array.from({ length: 300 }, (_, index) => index));
    for (let n = 0; n < 5; n++) sender.add({ ...plainRecord, payload: Buffer.alloc(40 * 1024) });
    await sender.drained(soon());
    expect(stream(0).batches.map(({ records }) => records.length)).to.deep.equal([128, 128, 46, 2, 1]);
    expect(stream(0).batches.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it("is drained when all is committed, and not before", async () => {
    open();
    await sender.ready;
    processor.isAcking = false;
    add(1);
    expect(await sender.drained(AbortSignal.timeout(50))).to.equal(false);
    const drained = sender.drained(soon());
    await until("the batch", () => stream(0).batches.length === 1);
    expect(sender.stats).to.include({ batches: 1, records: 1, waiting: 1 });
    stream(0).ack(1);
    expect(await drained).to.equal(true);
    expect(sender.stats).to.include({ batches: 0, bytes: 0, waiting: 0 });
  });

  it("counts records that are not even batched among those that are not committed", async () => {
    open();
    await sender.ready;
    add(1, 2);
    expect(sender.stats.waiting).to.equal(2);
    expect(await sender.drained(soon())).to.equal(true);
    expect(sender.stats.waiting).to.equal(0);
    expect(idsOf(stream(0))).to.deep.equal([1, 2]);
    expect(await sender.drained(AbortSignal.abort())).to.equal(true);
  });

  it("keeps what it has until a processor takes it", async () => {
    processor.isTaking = false;
    open();
    add(1);
    sender.flush();
    await until("the hello", () => processor.streams.length === 1);
    expect(await sender.drained(AbortSignal.timeout(50))).to.equal(false);
    expect(stream(0).batches).to.deep.equal([]);
    stream(0).ack(0);
    expect(await sender.drained(soon())).to.equal(true);
  });

  it("dials again when the stream breaks, and sends again what was not acked, in order and with the same seq", async () => {
    open();
    await sender.ready;
    processor.isAcking = false;
    for (const id of [1, 2, 3, 4]) {
      add(id);
      sender.flush();
    }
    await until("four batches", () => stream(0).batches.length === 4);
    stream(0).ack(2);
    await until("the ack", () => sender.stats.batches === 2);
    stream(0).break();
    add(5);
    sender.flush();
    await until("another stream", () => processor.streams.length === 2 && stream(1).batches.length === 3);
    expect(stream(1).batches.map(({ seq }) => seq)).to.deep.equal([3, 4, 5]);
    expect(idsOf(stream(1))).to.deep.equal([3, 4, 5]);
    stream(1).ack(5);
    expect(await sender.drained(soon())).to.equal(true);
  });

  describe("uses the memory of a batch again", () => {
    /** Streams that keep the very messages they are given, as a socket does until it has written them. */
    const sent: { readonly messages: Uint8Array[]; ack(seq: number): void; break(): void }[] = [];
    const dial = (): RecordsStream => {
      let heard = (_: ProcessRecordsResponse): void => {};
      let closed = (_: AssayError | undefined): void => {};
      const messages: Uint8Array[] = [];
      const ack = (seq: number): void => heard(create(ProcessRecordsResponseSchema, { ackedSeq: BigInt(seq) }));
      sent.push({ messages, ack, break: () => closed(new AssayError("unavailable", "broken by the test")) });
      const nothing = (): void => {};
      return {
        onMessage: (listener) => (heard = listener),
        onEnd: nothing,
        onClose: (listener) => (closed = listener),
        onDrain: nothing,
        send: (message) => messages.push(message) > 0,
        queued: 0,
        end: nothing,
        fail: nothing,
        cancel: nothing,
        pause: nothing,
        resume: nothing,
      };
    };
    /** The memory of the last message of a stream, once it has so many, the hello among them. */
    const memoryOf = async (index: number, count: number): Promise<ArrayBufferLike | undefined> => {
      await until(`${count} messages`, () => sent[index]?.messages.length === count);
      return sent[index]?.messages.at(-1)?.buffer;
    };
    const addAndFlush = (creditId: number): void => {
      add(creditId);
      sender.flush();
    };

    beforeEach(() => {
      sent.length = 0;
      open({ dial });
      sent[0]?.ack(0);
    });

    it("once it is acked, and not before", async () => {
      addAndFlush(1);
      const first = await memoryOf(0, 2);
      addAndFlush(2);
      expect(await memoryOf(0, 3)).not.to.equal(first);
      sent[0]?.ack(1);
      // One was taken before the ack, to be filled next.
      addAndFlush(3);
      expect(await memoryOf(0, 4)).not.to.equal(first);
      addAndFlush(4);
      expect(await memoryOf(0, 5)).to.equal(first);
    });

    it("unless a stream that has ended may still be writing it", async () => {
      addAndFlush(1);
      const first = await memoryOf(0, 2);
      sent[0]?.break();
      await until("another stream", () => sent.length === 2);
      sent[1]?.ack(0);
      expect(await memoryOf(1, 2)).to.equal(first);
      sent[1]?.ack(1);
      for (const [index, id] of [2, 3, 4].entries()) {
        addAndFlush(id);
        expect(await memoryOf(1, 3 + index)).not.to.equal(first);
      }
    });
  });

  it("ignores an ack for what was never sent on this stream", async () => {
    open();
    await sender.ready;
    stream(0).ack(1000);
    await until("the ack", () => rooms === 1);
    processor.isAcking = false;
    add(1);
    expect(await sender.drained(AbortSignal.timeout(50))).to.equal(false);
  });

  it("sends a payload above 1 MiB in parts, the rest with its record, from part 0 again on another stream", async () => {
    open();
    await sender.ready;
    processor.isAcking = false;
    const payload = Buffer.alloc(3 * (1 << 20) + 5, "0123456789");
    add(1);
    sender.add({ ...plainRecord, creditId: 2, payload });
    add(3);
    sender.flush();
    await until("three batches", () => stream(0).batches.length === 3);
    stream(0).break();
    await until("them again", () => processor.streams.length === 2 && stream(1).batches.length === 3);
    for (const seen of [stream(0), stream(1)]) {
      expect(idsOf(seen)).to.deep.equal([1, 2, 3]);
      expect(seen.parts.map(({ creditId, seq, data }) => [creditId, seq, data.length])).to.deep.equal([
        [2, 0, 1 << 20],
        [2, 1, 1 << 20],
        [2, 2, 1 << 20],
      ]);
      const last = seen.batches[1];
      expect([last?.seq, last?.parts]).to.deep.equal([2, [3]]);
      const whole = Buffer.concat([
        ...seen.parts.map(({ data }) => data),
        ...(last?.records.map((record) => record.payload) ?? []),
      ]);
      expect(whole.equals(payload)).to.equal(true);
    }
  });

  it("sends a payload of exactly 1 MiB whole", async () => {
    open();
    await sender.ready;
    sender.add({ ...plainRecord, payload: Buffer.alloc(1 << 20) });
    await sender.drained(soon());
    expect(stream(0).parts).to.deep.equal([]);
    expect(stream(0).batches[0]?.records[0]?.payload.length).to.equal(1 << 20);
  });

  describe("beyond its memory", () => {
    const limits = { windowBytes: 200_000, memoryBytes: 300_000, totalBytes: 2_000_000 };
    const big = (creditId: number) => sender.add({ ...plainRecord, creditId, payload: Buffer.alloc(70_000, creditId) });

    it("spills to the file, reads back in order, and removes the file in the end", async () => {
      processor.isTaking = false;
      open({ limits });
      for (let id = 1; id <= 20; id++) big(id);
      expect(sender.stats.spilledBytes).to.be.greaterThan(10 * 70_000);
      expect(sender.stats.waiting).to.equal(20);
      expect(existsSync(join(folder, "records.spill"))).to.equal(true);
      await until("the hello", () => processor.streams.length === 1);
      stream(0).ack(0);
      expect(await sender.drained(soon())).to.equal(true);
      expect(idsOf(stream(0))).to.deep.equal(Array.from({ length: 20 }, (_, index) => index + 1));
      for (const { records } of stream(0).batches) {
        for (const { creditId, payload } of records) expect(payload.every((byte) => byte === creditId)).to.equal(true);
      }
      expect(sender.stats).to.include({ spilledBytes: 0, waiting: 0 });
      await sender.close();
      expect(existsSync(join(folder, "records.spill"))).to.equal(false);
    });

    it("loses nothing when the stream breaks while it reads back", async () => {
      open({ limits });
      await sender.ready;
      processor.isAcking = false;
      for (let id = 1; id <= 20; id++) big(id);
      await until("a window's worth", () => stream(0).batches.length >= 2);
      stream(0).ack(2);
      stream(0).break();
      processor.isAcking = true;
      expect(await sender.drained(soon())).to.equal(true);
      const got = new Set(processor.streams.flatMap(idsOf));
      expect(got.size).to.equal(20);
      const seqs = stream(1).batches.map(({ seq }) => seq);
      expect(seqs).to.deep.equal(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    });

    it("is full at its bound, and says when there is room", async () => {
      open({ limits: { ...limits, totalBytes: 400_000 } });
      await sender.ready;
      processor.isAcking = false;
      for (let id = 1; id <= 5; id++) big(id);
      expect(sender.isFull).to.equal(false);
      big(6);
      expect(sender.isFull).to.equal(true);
      const before = rooms;
      await until("batches", () => stream(0).batches.length >= 2);
      stream(0).ack(2);
      await until("room", () => rooms > before);
      expect(sender.isFull).to.equal(false);
    });

    it("keeps records in memory where the file cannot be written, says so once, and is full until they are out", async () => {
      processor.isTaking = false;
      open({ limits, spillPath: join(folder, "no", "such", "folder") });
      for (let id = 1; id <= 8; id++) big(id);
      expect(sender.isFull).to.equal(true);
      expect(errors).to.have.lengthOf(1);
      await until("the hello", () => processor.streams.length === 1);
      stream(0).ack(0);
      expect(await sender.drained(soon())).to.equal(true);
      expect(idsOf(stream(0))).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(sender.isFull).to.equal(false);
      expect(rooms).to.be.greaterThan(0);
    });

    it("goes on with what comes after, where the file has been spoilt", async () => {
      processor.isTaking = false;
      open({ limits });
      for (let id = 1; id <= 6; id++) big(id);
      truncateSync(join(folder, "records.spill"), 10);
      await until("the hello", () => processor.streams.length === 1);
      stream(0).ack(0);
      expect(await sender.drained(soon())).to.equal(true);
      expect(errors).to.deep.equal(["spilled records are lost", "spilled records are lost"]);
      expect(idsOf(stream(0))).to.deep.equal([1, 2, 3, 4]);
      expect(stream(0).batches.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4, 5, 6]);
    });
  });

  it("leaves out, loudly, a record that no message can hold", async () => {
    open();
    await sender.ready;
    sender.add({ ...plainRecord, creditId: 1, stamps: new Uint8Array(9 << 20) });
    add(2);
    await sender.drained(soon());
    expect(idsOf(stream(0))).to.deep.equal([2]);
    expect(errors).to.have.lengthOf(1);
  });

  it("wakes whoever waits for it when it is closed", async () => {
    open();
    await sender.ready;
    processor.isAcking = false;
    add(1);
    const drained = sender.drained(soon());
    await until("the batch", () => stream(0).batches.length === 1);
    await sender.close();
    expect(await drained).to.equal(false);
    await until("the stream to end", () => stream(0).hasEnded);
  });
});
