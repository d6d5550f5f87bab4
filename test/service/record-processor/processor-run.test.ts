import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ExpectationSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { ProcessRecordsRequestSchema } from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { recordMetrics } from "../../../metrics/catalog.ts";
import { loadCompiler } from "../../../services/common/checks/compile.ts";
import { writeRead } from "../../../services/common/chunk-stamps.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import { RecordBatchWriter } from "../../../services/common/record-batch.ts";
import { AnswerChecker } from "../../../services/record-processor/core/answer-checker.ts";
import { plainRecord } from "../../unit/common/records.ts";
import { chatAnswer } from "../../unit/worker/fake-transport.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";
import { batchOf, inTurn, type ManagerSide, partOf, type Scene, startScene, type WorkerSide } from "./scene.ts";

describe("a record-processor's run", () => {
  const harness = new Harness();
  let scene: Scene;

  beforeEach(async () => {
    scene = await startScene(harness);
    await scene.run.ready;
  });
  afterEach(() => harness.close());

  function manager(index = 0): ManagerSide {
    const side = scene.manager[index];
    if (side === undefined) throw new Error(`the manager has ${scene.manager.length} streams`);
    return side;
  }

  async function connected(workerId?: string): Promise<WorkerSide> {
    const worker = scene.worker(workerId);
    await until("the hello to be taken", () => worker.acks.length === 1 || worker.end !== undefined);
    return worker;
  }

  it("says hello to the manager with its metrics, in their order", () => {
    expect(manager().hello).to.include({ runId: "run", memberId: "p1", protocolVersion: 1 });
    expect(manager().hello.tags).to.deep.equal(recordMetrics.map(({ tag }) => tag));
  });

  it("forwards records measured, with their ids, in order", async () => {
    const worker = await connected();
    worker.batch(1, answered(1, "one"), answered(2, "two"));
    worker.batch(2, answered(3, "three"));
    await until("both batches", () => manager().batches.length === 2);
    const records = manager().batches.flatMap((batch) => batch.records);
    expect(records.map(({ creditId }) => creditId)).to.deep.equal([1n, 2n, 3n]);
    expect(records[0]).to.include({ recordProcessorId: "p1", workerId: "worker-1", wallOffsetNs: 4, status: 200 });
    expect(records[0]?.error).to.equal(undefined);
    expect(records[0]?.values).to.have.lengthOf(recordMetrics.length);
    expect(scene.run.stats).to.include({ records: 3, streams: 1, faults: 0 });
  });

  for (const [what, output, expected] of [
    ["nothing of an answer", {}, undefined],
    ["its reads where traces are asked for", { exportHttpTrace: true }, "reads"],
    ["reads and payload at the raw level", { exportLevel: "raw" }, "all"],
    ["reads and payload where texts are asked for", { exportOutputsJson: true }, "all"],
  ] as const)
    it(`passes on, as it came, ${what}`, async () => {
      const own = await startScene(harness, { output });
      await own.run.ready;
      const sent = answered(1, "one");
      own.worker().batch(1, sent);
      await until("it", () => own.manager[0]?.batches.length === 1);
      const raw = own.manager[0]?.batches[0]?.records[0]?.raw;
      if (expected === undefined) expect(raw).to.equal(undefined);
      else {
        expect([...(raw?.reads ?? [])]).to.deep.equal([...sent.stamps]);
        expect(raw?.payload.length).to.equal(expected === "all" ? sent.payload.length : 0);
      }
    });

  it("tells the body of a request from its answer, in records of one message and of several", async () => {
    const own = await startScene(harness, { output: { exportLevel: "raw" } });
    await own.run.ready;
    const worker = own.worker();
    const body = Buffer.from('{"asked":true}');
    const raw = (creditId: number): RawRecord => {
      const answer = answered(creditId, "one");
      const payload = Buffer.concat([body, answer.payload]);
      return { ...answer, payload, hasRequestBody: true, requestBytes: body.length, responseHeaders: '{"server":"s"}' };
    };
    const { payload } = raw(2);
    worker.batch(1, raw(1));
    worker.part(2, 0, payload.subarray(0, 5));
    worker.last(2, { ...raw(2), payload: payload.subarray(5) }, 1);
    await until("them", () => own.manager[0]?.batches.length === 2);
    for (const { records } of own.manager[0]?.batches ?? []) {
      const kept = records[0]?.raw;
      expect(Buffer.from(kept?.requestBody ?? []).toString()).to.equal(body.toString());
      expect(Buffer.from(kept?.payload ?? []).toString()).to.equal(Buffer.from(answered(1, "one").payload).toString());
      expect(kept?.responseHeaders).to.equal('{"server":"s"}');
      expect(records[0]?.error).to.equal(undefined);
    }
  });

  it("cuts the end off an answer that no message holds, says by how much, and goes on", async () => {
    const own = await startScene(harness, { output: { exportLevel: "raw" } });
    await own.run.ready;
    const worker = own.worker();
    const mib = 1 << 20;
    const answer = answered(1, "one");
    const payload = Buffer.concat([answer.payload, Buffer.alloc(17 * mib, " ")]);
    const stamps = new Uint8Array(16);
    const large = { ...answer, stamps: stamps.slice(0, writeRead(stamps, 0, payload.length, 0, 1e6)) };
    for (let seq = 0; seq < 17; seq++) worker.part(1, seq, payload.subarray(seq * mib, (seq + 1) * mib));
    worker.last(1, { ...large, payload: payload.subarray(17 * mib) }, 17);
    worker.batch(2, answered(2, "two"));
    await until("both", () => own.manager[0]?.batches.length === 2 && worker.acks.at(-1) === 2);
    const [kept, next] = own.manager[0]?.batches.flatMap(({ records }) => records) ?? [];
    expect(Number(kept?.raw?.cutBytes)).to.equal(payload.length - (kept?.raw?.payload.length ?? 0));
    expect(kept?.raw?.payload.length).to.be.within(14 * mib, 15 * mib);
    expect([kept?.error, next?.raw?.cutBytes]).to.deep.equal([undefined, 0n]);
    expect(own.manager).to.have.length(1);
  });

  it("says of answers whether they are what the record brings as expected, and of failures nothing", async () => {
    const own = await startScene(harness, {}, new AnswerChecker(await loadCompiler([]), undefined));
    await own.run.ready;
    const expectation = toBinary(ExpectationSchema, create(ExpectationSchema, { check: "exact", values: ["one"] }));
    const failed = { ...answered(3, "one"), status: 500, expectation };
    own
      .worker()
      .batch(1, { ...answered(1, "one"), expectation }, { ...answered(2, "two"), expectation }, failed, answered(4, "x"));
    await until("it", () => own.manager[0]?.batches.length === 1);
    const checks = own.manager[0]?.batches[0]?.records.map(({ check }) => check && [check.isCorrect, check.reason, check.answer]);
    expect(checks).to.deep.equal([[true, "", ""], [false, 'is not "one"', "two"], undefined, undefined]);
  });

  it("puts what comes in one turn into one batch, whoever sent it, and a large answer into one of its own", async () => {
    const own = await startScene(harness, { output: { exportLevel: "raw" } });
    await own.run.ready;
    const [first, second] = [inTurn(own, "w1"), inTurn(own, "w2")];
    const mib = 1 << 20;
    const answer = answered(5, "five");
    const payload = Buffer.concat([answer.payload, Buffer.alloc(14 * mib, " ")]);
    first.say(batchOf(1, [answered(1, "one"), answered(2, "two")]));
    second.say(batchOf(1, [answered(3, "three")]));
    first.say(batchOf(2, [answered(4, "four")]));
    for (let seq = 0; seq < 14; seq++) second.say(partOf(5, seq, payload.subarray(seq * mib, (seq + 1) * mib)));
    second.say(batchOf(2, [{ ...answer, payload: payload.subarray(14 * mib), stamps: readOf(payload.length) }], 14));
    await until("the acks", () => first.acks.at(-1) === 2 && second.acks.at(-1) === 2);
    expect(own.manager[0]?.batches.map(({ seq, records }) => [seq, ...records.map(({ creditId }) => creditId)])).to.deep.equal([
      [1, 1n, 2n, 3n, 4n],
      [2, 5n],
    ]);
    expect(own.manager[0]?.batches[1]?.records[0]?.raw).to.deep.include({ cutBytes: 0n, payload: new Uint8Array(payload) });
  });

  it("acks a worker's batch when the manager has acked it, and not before", async () => {
    scene.managerState.isAcking = false;
    const first = await connected("w1");
    const second = await connected("w2");
    first.batch(1, answered(1, "a"));
    await until("it", () => manager().batches.length === 1);
    second.batch(1, answered(2, "b"));
    await until("it", () => manager().batches.length === 2);
    first.batch(2, answered(3, "c"));
    await until("it", () => manager().batches.length === 3);
    expect([first.acks, second.acks]).to.deep.equal([[0], [0]]);
    manager().ack(2);
    await until("acks", () => first.acks.length === 2 && second.acks.length === 2);
    expect([first.acks, second.acks]).to.deep.equal([
      [0, 1],
      [0, 1],
    ]);
    manager().ack(3);
    await until("the last ack", () => first.acks.length === 3);
    expect(first.acks).to.deep.equal([0, 1, 2]);
  });

  it("begins with whatever batch a worker has not seen acked", async () => {
    const worker = await connected();
    worker.batch(41, answered(1, "a"));
    worker.batch(42, answered(2, "b"));
    await until("acks", () => worker.acks.includes(42));
    expect(worker.acks[0]).to.equal(0);
  });

  it("ends its workers' streams when the manager's breaks, and takes them again afterwards", async () => {
    scene.managerState.isAcking = false;
    const workers = [await connected("w1"), await connected("w2")];
    workers[0]?.batch(1, answered(1, "a"));
    await until("it", () => manager().batches.length === 1);
    scene.managerState.isTaking = false;
    manager().break();
    await until("their ends", () => workers.every(({ end }) => end !== undefined));
    for (const { end } of workers) expect(end).to.be.instanceOf(AssayError).with.property("code", "unavailable");
    const tooEarly = scene.worker("w1");
    await until("its end", () => tooEarly.end !== undefined);
    expect(tooEarly.end).to.have.property("code", "unavailable");
    expect(tooEarly.acks).to.deep.equal([]);
    scene.managerState.isTaking = true;
    scene.managerState.isAcking = true;
    await until("another stream to the manager", () => scene.manager.length === 2);
    const again = await connected("w1");
    again.batch(1, answered(1, "a"));
    await until("the ack", () => again.acks.includes(1));
    expect(manager(1).batches.map(({ seq }) => seq)).to.deep.equal([1]);
  });

  describe("a payload in parts", () => {
    const whole = Buffer.from(chatAnswer("x".repeat(500)));
    const parts = [whole.subarray(0, 100), whole.subarray(100, 250)];
    const rest = (creditId: number): RawRecord => ({
      ...answered(creditId, ""),
      payload: whole.subarray(250),
      stamps: readOf(whole.length),
    });

    it("is put together", async () => {
      const worker = await connected();
      parts.forEach((data, seq) => void worker.part(5, seq, data));
      worker.last(1, rest(5), 2);
      await until("the record", () => manager().batches.length === 1);
      const [record] = manager().batches[0]?.records ?? [];
      expect(record?.error).to.equal(undefined);
      expect(record?.creditId).to.equal(5n);
      expect(scene.run.stats.faults).to.equal(0);
      worker.batch(2, answered(6, "after"));
      await until("what comes after", () => worker.acks.includes(2));
    });

    it("is put together of each worker apart", async () => {
      const [first, second] = [await connected("w1"), await connected("w2")];
      first.part(5, 0, parts[0] as Buffer);
      second.part(6, 0, parts[0] as Buffer);
      first.part(5, 1, parts[1] as Buffer);
      second.part(6, 1, parts[1] as Buffer);
      first.last(1, rest(5), 2);
      second.last(1, rest(6), 2);
      const taken = () => manager().batches.flatMap(({ records }) => records);
      await until("both", () => taken().length === 2);
      for (const { error } of taken()) expect(error).to.equal(undefined);
    });

    const wrong: { title: string; send: (worker: WorkerSide) => void }[] = [
      {
        title: "parts in the wrong order",
        send: (worker) => {
          worker.part(5, 1, parts[1] as Buffer);
          worker.part(5, 0, parts[0] as Buffer);
        },
      },
      {
        title: "a part twice",
        send: (worker) => {
          worker.part(5, 0, parts[0] as Buffer);
          worker.part(5, 0, parts[0] as Buffer);
        },
      },
      {
        title: "parts of two credits mixed",
        send: (worker) => {
          worker.part(5, 0, parts[0] as Buffer);
          worker.part(6, 1, parts[1] as Buffer);
        },
      },
      {
        title: "a record with fewer parts than came",
        send: (worker) => {
          parts.forEach((data, seq) => void worker.part(5, seq, data));
          worker.last(1, rest(5), 1);
        },
      },
      { title: "a record whose parts did not come", send: (worker) => worker.last(1, rest(5), 2) },
      {
        title: "the parts of another credit's payload",
        send: (worker) => {
          parts.forEach((data, seq) => void worker.part(5, seq, data));
          worker.last(1, rest(6), 2);
        },
      },
    ];
    for (const { title, send } of wrong) {
      it(`ends the stream for ${title}, and forwards nothing of it`, async () => {
        const other = await connected("w2");
        const worker = await connected("w1");
        send(worker);
        await until("its end", () => worker.end !== undefined);
        expect(worker.end).to.be.instanceOf(AssayError);
        other.batch(1, answered(9, "fine"));
        await until("the other's ack", () => other.acks.includes(1));
        expect(manager().batches.flatMap(({ records }) => records.map(({ creditId }) => creditId))).to.deep.equal([9n]);
      });
    }

    it("is not mixed with what an earlier stream of the worker left behind", async () => {
      const broken = await connected();
      broken.part(5, 0, Buffer.from("garbage"));
      broken.halfClose();
      await until("its end", () => broken.end === "ok");
      const worker = await connected();
      parts.forEach((data, seq) => void worker.part(5, seq, data));
      worker.last(1, rest(5), 2);
      await until("the record", () => manager().batches.length === 1);
      expect(manager().batches[0]?.records[0]?.error).to.equal(undefined);
    });
  });

  describe("one worker's stream", () => {
    const good = new RecordBatchWriter();
    good.add(answered(1, "a"));
    const bytes = good.finish(1);
    const second = create(ProcessRecordsRequestSchema, { message: { case: "hello", value: { runId: "run" } } });
    const wrong: { title: string; bytes: Uint8Array }[] = [
      { title: "a batch that is cut", bytes: bytes.subarray(0, -3) },
      { title: "bytes that are nothing", bytes: Buffer.from([0x12, 0x03, 0xff, 0xff, 0xff]) },
      { title: "a message of no kind", bytes: Buffer.from([0x1f, 0x00]) },
      { title: "an empty message", bytes: Buffer.alloc(0) },
      { title: "a second hello", bytes: toBinary(ProcessRecordsRequestSchema, second) },
    ];
    for (const { title, bytes: sent } of wrong) {
      it(`ends with ${title}, and no other with it`, async () => {
        const other = await connected("w2");
        const worker = await connected("w1");
        worker.raw(sent);
        await until("its end", () => worker.end !== undefined);
        expect(worker.end).to.be.instanceOf(AssayError);
        other.batch(1, answered(9, "fine"));
        await until("the other's ack", () => other.acks.includes(1));
        expect(scene.run.stats.streams).to.equal(1);
      });
    }

    it("ends where a batch is left out", async () => {
      const worker = await connected();
      worker.batch(1, answered(1, "a"));
      worker.batch(3, answered(3, "c"));
      await until("its end", () => worker.end !== undefined);
      await until("the first", () => manager().batches.length === 1);
      expect(manager().batches[0]?.records.map(({ creditId }) => creditId)).to.deep.equal([1n]);
    });

    it("is refused with another protocol version, for a run that there is not, or without hello", async () => {
      const old = scene.worker("w1", 99);
      await until("its end", () => old.end !== undefined);
      expect(old.end).to.have.property("code", "failed_precondition");
      for (const [message, code] of [
        [{ case: "hello", value: { runId: "another", protocolVersion: 1 } }, "unavailable"],
        [{ case: "part", value: {} }, "invalid_argument"],
      ] as const) {
        const stream = scene.client.processRecords();
        const ended = new Promise<AssayError | undefined>((resolve) => stream.onClose(resolve));
        stream.onMessage(() => {});
        stream.send(toBinary(ProcessRecordsRequestSchema, create(ProcessRecordsRequestSchema, { message })));
        expect((await ended)?.code).to.equal(code);
      }
    });
  });

  it("does not read on while the manager does not", async () => {
    scene.managerState.isAcking = false;
    const worker = await connected();
    manager().pause();
    const payload = Buffer.alloc(200_000, "x");
    const chunky = {
      ...answered(1, ""),
      contentType: "x".repeat(10),
      model: "m".repeat(200_000),
      payload,
      stamps: readOf(payload.length),
    };
    const writer = new RecordBatchWriter();
    writer.add(chunky);
    let isFull = false;
    for (let seq = 1; seq <= 400 && !isFull; seq++) {
      const again = new RecordBatchWriter();
      again.add({ ...chunky, creditId: seq });
      isFull = !worker.raw(again.finish(seq));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isFull).to.equal(true);
    scene.managerState.isAcking = true;
    manager().resume();
    await until("everything", () => worker.acks.length > 1);
  });

  it("says what it makes of a record, without storing it", async () => {
    const payload = Buffer.from(chatAnswer("forty-two"));
    const request = {
      endpoint: { type: "chat" },
      record: { creditId: 7n, status: 200, contentType: "application/json", endNs: 5e6, payload, reads: readOf(payload.length) },
    };
    const seen = await scene.client.parseResponse(request);
    expect(seen).to.include({ outputText: "forty-two", reasoningText: "" });
    expect(seen.record).to.include({ creditId: 7n, tokenSource: "counted" });
    expect(seen.tags).to.have.lengthOf(seen.record?.values.length ?? 0);
    const latency = seen.tags.indexOf("request_latency");
    expect(seen.record?.values[latency]).to.equal(1);
    expect(seen.units[latency]).to.equal("ms");
    expect(seen.contentNs).to.deep.equal([1e6]);
    expect(scene.run.stats.records).to.equal(0);
    expect((await failureOf(scene.client.parseResponse({}))).code).to.equal("invalid_argument");
    expect((await failureOf(scene.client.parseResponse({ ...request, endpoint: { type: "x" } }))).code).to.equal(
      "invalid_argument",
    );
  });

  it("says what is wrong with a record that makes no sense", async () => {
    const garbage = { status: 200, contentType: "application/json", payload: Buffer.from("<html>"), reads: readOf(6) };
    expect((await scene.client.parseResponse({ record: garbage })).record?.error?.code).to.equal("parse");
    const refused = { status: 503, payload: Buffer.from("busy"), reads: readOf(4) };
    expect((await scene.client.parseResponse({ record: refused })).record?.error?.code).to.equal("http_5xx");
    const cut = { status: 0, error: { code: "reset", phase: "wait", message: "gone" } };
    expect((await scene.client.parseResponse({ record: cut })).record?.error).to.include({ code: "reset" });
    const stampless = await scene.client.parseResponse({ record: { ...garbage, reads: Buffer.from([0x85]) } });
    expect(stampless.record?.error?.code).to.equal("parse");
  });
});

/** A record of a plain chat answer. */
function answered(creditId: number, content: string): RawRecord {
  const payload = Buffer.from(chatAnswer(content));
  return { ...plainRecord, creditId, payload, stamps: readOf(payload.length), responseBytes: payload.length };
}

/** Stamps of one read. */
function readOf(sizeBytes: number): Uint8Array {
  const stamps = new Uint8Array(32);
  return stamps.subarray(0, writeRead(stamps, 0, sizeBytes, 0, 1_000_000));
}
