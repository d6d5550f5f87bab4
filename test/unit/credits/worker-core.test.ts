import { expect } from "chai";
import fc from "fast-check";
import type { Credit, Envelope, TimingMessage, WorkerMessage } from "../../../services/common/credits.ts";
import { CreditLink } from "../../../services/worker/core/credit-link.ts";
import { CreditQueue, DueHeap } from "../../../services/worker/core/credit-queues.ts";
import { Holdings } from "../../../services/worker/core/holdings.ts";
import { WorkerLease } from "../../../services/worker/core/lease.ts";
import { Outbox, type OutboxBatch } from "../../../services/worker/core/outbox.ts";
import { Bench, conversationsOf, MS, SEC } from "./bench.ts";

const credit = (id: number, over: Partial<Credit> = {}): Credit => ({
  id,
  phase: 0,
  conversation: 0,
  turn: 0,
  turns: 1,
  sessionId: id,
  countsTowardTarget: true,
  dueNs: 0,
  targetIndex: 0,
  index: id,
  ...over,
});

describe("the worker's lease", () => {
  it("ends a lease's length after the asking, and never earlier than before", () => {
    const lease = new WorkerLease();
    lease.setLength(4 * SEC);
    expect(lease.isValid(0)).to.equal(false);
    const [first, second] = [lease.asks(SEC), lease.asks(2 * SEC)];
    expect(lease.unansweredSinceNs).to.equal(SEC);
    lease.answered(second);
    expect([lease.endNs, lease.unansweredSinceNs]).to.deep.equal([6 * SEC, Number.POSITIVE_INFINITY]);
    lease.answered(first);
    expect(lease.endNs).to.equal(6 * SEC);
    expect([lease.isValid(6 * SEC - 1), lease.isValid(6 * SEC)]).to.deep.equal([true, false]);
  });

  it("that was revoked is not brought back by an answer to what was asked before", () => {
    const lease = new WorkerLease();
    lease.setLength(4 * SEC);
    const before = lease.asks(SEC);
    lease.revoke(2 * SEC);
    lease.answered(before);
    expect(lease.isValid(2 * SEC)).to.equal(false);
    lease.answered(lease.asks(2 * SEC));
    expect(lease.isValid(3 * SEC)).to.equal(true);
  });
});

describe("the queues of held credits", () => {
  const idsOf = (credits: readonly Credit[]) => credits.map(({ id }) => id);

  it("keep their order while they grow and are thinned out", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(1_000), fc.constant("shift" as const), fc.constant("thin" as const)), { maxLength: 900 }),
        (steps) => {
          const queue = new CreditQueue();
          let model: number[] = [];
          for (const step of steps) {
            if (step === "shift") expect(queue.shift()?.id).to.equal(model.shift());
            else if (step === "thin") {
              queue.keep(({ id }) => id % 3 !== 0);
              model = model.filter((id) => id % 3 !== 0);
            } else {
              queue.push(credit(step));
              model.push(step);
            }
            expect(queue.size).to.equal(model.length);
          }
          expect(idsOf(queue.credits())).to.deep.equal(model);
        },
      ),
    );
    const long = new CreditQueue();
    for (let id = 0; id < 5_000; id++) long.push(credit(id));
    expect([long.shift()?.id, long.size]).to.deep.equal([0, 4_999]);
    expect(idsOf(long.credits())).to.deep.equal(Array.from({ length: 4_999 }, (_, n) => n + 1));
  });

  it("give out what is due first, and of equal ones the first that came", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(8), { maxLength: 60 }), (dues) => {
        const heap = new DueHeap();
        for (const [id, dueNs] of dues.entries()) heap.push(credit(id, { dueNs }));
        heap.keep(({ id }) => id % 4 !== 1);
        const order: number[] = [];
        for (let next = heap.pop(); next !== undefined; next = heap.pop()) order.push(next.id);
        const expected = [...dues.keys()]
          .filter((id) => id % 4 !== 1)
          .sort((a, b) => (dues[a] as number) - (dues[b] as number) || a - b);
        expect(order).to.deep.equal(expected);
      }),
    );
  });
});

describe("holdings", () => {
  it("let every credit go exactly one way", () => {
    const actions = fc.array(
      fc.tuple(fc.constantFrom("hold", "due", "turn", "recall", "after", "fire", "promote", "all"), fc.nat(9)),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(actions, (steps) => {
        const holdings = new Holdings(16);
        const left: number[] = [];
        const leave = (credits: readonly Credit[]) => void left.push(...credits.map((one) => one.id));
        const fire = () => {
          const fired = holdings.fireNext();
          if (fired !== undefined) left.push(fired.id);
          return fired;
        };
        let id = 0;
        let refused = 0;
        for (const [action, n] of steps) {
          if (action === "hold" || action === "due" || action === "turn") {
            const one = credit(++id, { dueNs: action === "hold" ? 0 : n, turn: action === "turn" ? 1 : 0 });
            if (!holdings.hold(one, 0)) refused++;
          }
          if (action === "recall") leave(holdings.recall(0, { kind: "count", count: n }, n % 2 === 0));
          if (action === "after") leave(holdings.recall(0, { kind: "due_after", dueAfterNs: n }, false));
          if (action === "all") leave(holdings.giveBackAll());
          if (action === "promote") holdings.promoteDue(n);
          if (action === "fire") fire();
          expect(holdings.count).to.equal(id - refused - left.length);
        }
        holdings.promoteDue(100);
        while (fire() !== undefined);
        expect(new Set(left).size).to.equal(left.length);
        expect(left.length + refused).to.equal(id);
        expect(holdings.count).to.equal(0);
      }),
    );
  });

  it("send turns of sessions under way before new ones", () => {
    const holdings = new Holdings();
    for (const one of [credit(1), credit(2, { turn: 1 })]) holdings.hold(one, 0);
    expect([holdings.fireNext()?.id, holdings.fireNext()?.id]).to.deep.equal([2, 1]);
  });

  it("that are discarded are gone, and leave room for as many as before", () => {
    const holdings = new Holdings(3);
    const held = () =>
      [credit(1), credit(2, { dueNs: 5 }), credit(3, { turn: 1 }), credit(4)].map((one) => holdings.hold(one, 0));
    expect(held()).to.deep.equal([true, true, true, false]);
    holdings.discardAll();
    holdings.promoteDue(10);
    expect([holdings.count, holdings.fireNext(), holdings.nextDueNs]).to.deep.equal([0, undefined, Number.POSITIVE_INFINITY]);
    expect(held()).to.deep.equal([true, true, true, false]);
  });
});

describe("the worker's link", () => {
  const options = {
    version: 1,
    token: "t",
    runId: "r",
    workerId: "W1",
    renewEveryNs: 400 * MS,
    maxConnections: 7,
    random: () => 1 - 1e-9,
  };
  const started = () => {
    const dials: number[] = [];
    const ended: string[] = [];
    const sent: Envelope<WorkerMessage>[] = [];
    const out = {
      dial: (dial: number) => void dials.push(dial),
      endStream: (_dial: number, reason: string) => void ended.push(reason),
      send: (envelope: Envelope<WorkerMessage>) => void sent.push(envelope),
    };
    const link = new CreditLink(options, out, { incarnation: 3n, dial: 0 }, 0);
    return { link, dials, ended, sent };
  };
  const welcome: Envelope<TimingMessage> = {
    seq: 0,
    ack: 0,
    body: { kind: "welcome", timingIncarnation: 9n, recvSeq: 0, renew: 1, leaseNs: 4 * SEC, wantsFirstToken: false },
  };

  it("gives a dial up after 500 ms, and dials again after 50 ms, 100 ms … 500 ms", () => {
    const { link, dials } = started();
    const pauses: number[] = [];
    link.advance(0);
    for (let n = 0; n < 6; n++) {
      const timeout = link.nextWakeNs;
      link.advance(timeout);
      pauses.push(Math.round((link.nextWakeNs - timeout) / MS));
      link.advance(link.nextWakeNs);
    }
    expect(pauses).to.deep.equal([50, 100, 200, 400, 500, 500]);
    expect(dials).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
  });

  it("begins every stream with hello, and says by whom it was welcomed from then on", () => {
    const { link, sent } = started();
    link.advance(0);
    link.connected(10);
    expect(sent[0]).to.deep.equal({
      seq: 0,
      ack: 0,
      body: {
        kind: "hello",
        version: 1,
        token: "t",
        runId: "r",
        workerId: "W1",
        incarnation: 3n,
        timingIncarnation: 0n,
        dial: 1,
        recvSeq: 0,
        renew: 1,
        maxConnections: 7,
      },
    });
    expect(link.accept(welcome, 20)).to.equal("welcomed");
    expect(link.lease.endNs).to.equal(10 + 4 * SEC);
    link.streamEnded(30);
    link.advance(link.nextWakeNs);
    link.connected(SEC);
    expect(sent.at(-1)?.body).to.include({ timingIncarnation: 9n, dial: 2 });
  });

  it("takes a stream on which no renewal is answered for 1.2 s for dead", () => {
    const { link, ended } = started();
    link.advance(0);
    link.connected(0);
    link.accept(welcome, 0);
    link.renew(0, 400 * MS);
    link.advance(1_500 * MS);
    expect(link.state).to.equal("up");
    link.advance(1_600 * MS);
    expect([link.state, ended]).to.deep.equal(["waiting", ["timing does not answer"]]);
  });

  it("takes no notice of a fence for an earlier incarnation", () => {
    const { link } = started();
    link.advance(0);
    link.connected(0);
    expect(link.accept({ seq: 0, ack: 0, body: { kind: "fenced", incarnation: 2n, reason: "" } }, 0)).to.equal("drop");
    expect(link.accept({ seq: 0, ack: 0, body: { kind: "fenced", incarnation: 3n, reason: "" } }, 0)).to.equal("handle");
  });
});

describe("the worker", () => {
  it("fires a credit at its due time, not before, and what is late at once", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    let n = 0;
    bench.start({ load: { kind: "open", pacer: { nextDueNs: () => n++ * 100 * MS } }, stop: { requestCount: 3 } });
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
    expect(worker.core.nextWakeNs()).to.equal(worker.fired[0]!.dueNs + 100 * MS);
    expect(worker.core.nextDueNs()).to.equal(worker.fired[0]!.dueNs + 100 * MS);
    bench.pass(99 * MS);
    expect(worker.firedIds).to.deep.equal([1]);
    bench.pass(1 * MS);
    expect(worker.firedIds).to.deep.equal([1, 2]);
  });

  it("says what came back once per flush, with how many it holds unsent", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 6 } });
    worker.talk();
    for (const id of [1, 2]) worker.core.requestEnded(id, { sessionOver: false }, bench.now);
    worker.core.flushReturns();
    worker.core.flushReturns();
    const said = worker.said("returned");
    expect(said).to.deep.equal([
      {
        kind: "returned",
        returns: [1, 2].map((creditId) => ({ creditId, use: "sent", sessionOver: false })),
        unsent: 2,
      },
    ]);
  });

  it("ignores what belongs to an earlier dial", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const dial = worker.dial;
    worker.cut();
    worker.redial();
    worker.core.streamEnded(dial, bench.now);
    worker.core.messageReceived(dial, { seq: 0, ack: 0, body: { kind: "lease", n: 99 } }, bench.now);
    worker.talk();
    expect(worker.core.stats()).to.include({ link: "up" });
  });

  it("gives back what comes when it holds 65 536 credits", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    const lastSeq = Math.max(...bench.onStream.get(worker.streamId)!.map(({ seq }) => seq));
    const credits = Array.from({ length: 65_538 }, (_, n) => credit(n + 2, { dueNs: bench.now + SEC }));
    worker.core.messageReceived(worker.dial, { seq: lastSeq + 1, ack: 0, body: { kind: "issue", credits } }, bench.now);
    const returned = worker.said("returned").flatMap(({ returns }) => returns);
    expect(returned.map(({ creditId, use }) => [creditId, use])).to.deep.equal([
      [65_538, "unused"],
      [65_539, "unused"],
    ]);
    expect(worker.core.stats().held).to.equal(65_536);
  });

  it("may not write what it could not write at once, when its lease has ended or the request was to end", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 2 } });
    worker.talk();
    expect([1, 2, 3].map((id) => worker.core.mayWrite(id))).to.deep.equal([true, true, false]);
    bench.now += 4.1 * SEC;
    expect(worker.core.mayWrite(1)).to.equal(false);
    worker.core.advance(bench.now);
    worker.cut();
    worker.redial();
    worker.talk();
    expect(worker.core.stats().isLeaseValid).to.equal(true);
    expect([worker.core.mayWrite(1), worker.core.mayWrite(2)]).to.deep.equal([false, false]);
  });

  it("fires nothing while it is paused, and what it holds can be recalled", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    worker.core.setPaused(true, bench.now);
    bench.closed(1, { stop: { requestCount: 3 } });
    worker.talk();
    expect(worker.fired).to.deep.equal([]);
    worker.core.setPaused(false, bench.now);
    expect(worker.firedIds).to.deep.equal([1]);
    worker.core.setPaused(true, bench.now);
    bench.timing.stopPhase("user", bench.now);
    worker.talk();
    expect(bench.counts).to.include({ unused: 2, issued: 1 });
  });

  it("renews though its timer is never called, as long as anything happens", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 200 } });
    worker.talk();
    for (let n = 0; n < 100; n++) {
      bench.now += 100 * MS;
      bench.timing.advance(bench.now);
      worker.end(worker.firedIds.at(-1)!);
      worker.talk();
    }
    expect(worker.fired.length).to.be.greaterThan(90);
    expect(worker.cancelled).to.deep.equal([]);
  });

  it("keeps a session's turns in order", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { sessionCount: 2 }, conversations: conversationsOf(3) });
    for (let n = 0; n < 6; n++) {
      worker.talk();
      worker.end(worker.firedIds.at(-1)!);
    }
    worker.talk();
    expect(worker.fired.map(({ sessionId, turn }) => `${sessionId}.${turn}`)).to.deep.equal([
      "0.0",
      "0.1",
      "0.2",
      "1.0",
      "1.1",
      "1.2",
    ]);
  });
});

describe("the outbox", () => {
  const limits = { windowBytes: 30, memoryBytes: 50, totalBytes: 100 };
  const opened = () => {
    const sent: number[] = [];
    const released: string[] = [];
    const file = new Map<number, string>();
    const reads: number[] = [];
    let emptied = 0;
    const outbox = new Outbox<string>(limits, {
      send: ({ seq }) => void sent.push(seq),
      spill: ({ seq, payload }: OutboxBatch<string>) => void file.set(seq, payload),
      readSpilled: (seq) => void reads.push(seq),
      release: (payload) => void released.push(payload),
      spillEmpty: () => void emptied++,
    });
    return { outbox, sent, released, file, reads, emptied: () => emptied };
  };

  it("keeps a batch until it is acked, and sends everything unacked again on a new stream", () => {
    const { outbox, sent, released } = opened();
    outbox.connected();
    for (const name of ["a", "b", "c"]) outbox.add(name, 10);
    outbox.acked(1);
    outbox.streamEnded();
    outbox.acked(3);
    outbox.connected();
    expect(sent).to.deep.equal([1, 2, 3, 2, 3]);
    expect([released, outbox.count]).to.deep.equal([["a"], 2]);
    outbox.acked(3);
    expect([released, outbox.count, outbox.totalBytes]).to.deep.equal([["a", "b", "c"], 0, 0]);
  });

  it("sends no more than its window ahead of the acks, but always one", () => {
    const { outbox, sent } = opened();
    outbox.connected();
    for (const bytes of [5, 35]) outbox.add("x", bytes);
    expect(sent).to.deep.equal([1]);
    outbox.acked(1);
    expect(sent).to.deep.equal([1, 2]);
  });

  it("spills what does not fit in memory, reads it back in order, and is full at its bound", () => {
    const { outbox, sent, file, reads, emptied } = opened();
    for (const name of ["a", "b", "c", "d"]) outbox.add(name, 25);
    expect([outbox.memoryBytes, outbox.totalBytes, outbox.isFull]).to.deep.equal([50, 100, true]);
    expect([...file.keys()]).to.deep.equal([3, 4]);
    outbox.connected();
    for (let seq = 1; seq <= 4; seq++) {
      outbox.acked(seq);
      const wanted = reads.at(-1);
      if (wanted === seq + 1) outbox.readBack(wanted, file.get(wanted) as string);
    }
    expect([sent, reads]).to.deep.equal([
      [1, 2, 3, 4],
      [3, 4],
    ]);
    expect([outbox.count, outbox.isFull, emptied()]).to.deep.equal([0, false, 1]);
  });

  it("delivers every batch at least once and in order, whatever breaks, and loses none", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom("add", "up", "break", "ack", "read"), fc.integer({ min: 1, max: 40 })), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(steps, (actions) => {
        const { outbox, sent, released, file, reads } = opened();
        let added = 0;
        let committed = 0;
        let from = 0;
        let isUp = false;
        const read = () => {
          const seq = reads.splice(0).at(-1);
          if (seq !== undefined) outbox.readBack(seq, file.get(seq) as string);
        };
        const ack = (n: number) => {
          const onStream = sent.slice(from);
          if (onStream.length === 0) return;
          committed = Math.max(committed, onStream[Math.min(n, onStream.length) - 1] as number);
          if (isUp) outbox.acked(committed);
        };
        const breakStream = () => {
          const onStream = sent.slice(from);
          for (const [i, seq] of onStream.entries()) expect(seq).to.equal((onStream[0] as number) + i);
          outbox.streamEnded();
          from = sent.length;
          isUp = false;
        };
        const connect = () => {
          isUp = true;
          outbox.connected();
          if (sent.length > from) expect(sent[from]).to.be.at.most(committed + 1);
        };
        for (const [action, n] of actions) {
          if (action === "add") outbox.add(`${++added}`, n);
          if (action === "read") read();
          if (action === "ack") ack(n);
          if (action === "break" && isUp) breakStream();
          if (action === "up" && !isUp) connect();
        }
        if (!isUp) connect();
        for (let i = 0; i < 3 * added + 3; i++) {
          read();
          ack(1_000);
        }
        expect(committed).to.equal(added);
        expect([outbox.count, outbox.totalBytes, outbox.memoryBytes]).to.deep.equal([0, 0, 0]);
        expect(released).to.deep.equal(Array.from({ length: added }, (_, i) => `${i + 1}`));
      }),
    );
  });
});
