import { expect } from "chai";
import { checkLeaseTerms, LEASE_TERMS } from "../../../services/common/credits.ts";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import { createRunMachine, RUN_BOUNDS, type RunCommand } from "../../../services/controller/core/run-machine.ts";
import { Relay } from "../../../services/record-processor/core/relay.ts";
import {
  type AccountStore,
  Accounts,
  type ClosedPhase,
  type RecordKey,
} from "../../../services/records-manager/core/accounts.ts";
import { CommitAcks } from "../../../services/records-manager/core/commit-acks.ts";
import { WorkerSlots } from "../../../services/timing/core/slots.ts";
import { Holdings } from "../../../services/worker/core/holdings.ts";
import { Bench, conversationsOf, MS, SEC } from "./bench.ts";

/* Each of these histories goes wrong without one rule of the protocol. They are driven message by message against the cores. */

describe("redial and resync", () => {
  it("a credit that was lost with its stream is resent before the next one", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 2 } });
    worker.cut();
    worker.redial();
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
    worker.end(1);
    worker.talk();
    worker.end(2);
    worker.talk();
    expect(bench.counts).to.include({ drawn: 2, sent: 2, issued: 0 });
  });

  it("a credit is sent once though its return was lost and everything is resent", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    worker.end(1);
    worker.cut();
    worker.redial();
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
    expect(bench.counts).to.include({ drawn: 1, sent: 1 });
  });

  it("a return of unused that arrives twice is drawn again once", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 2 } });
    worker.talk();
    bench.setConcurrency(0);
    worker.read();
    const returned = worker.up.find(({ body }) => body.kind === "returned")!;
    worker.up.splice(worker.up.indexOf(returned) + 1, 0, returned);
    bench.setConcurrency(1);
    worker.talk();
    expect(bench.counts).to.include({ unused: 1, drawn: 3 });
    expect(bench.violations).to.deep.equal([]);
  });

  it("timing draws nothing again for a worker that is cut off, since it may have sent", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const other = bench.join("W2");
    bench.closed(1);
    worker.talk();
    other.talk();
    worker.cut();
    bench.live(20 * SEC, { silent: [worker] });
    expect(worker.firedIds).to.deep.equal([1]);
    expect(other.firedIds).to.deep.equal([]);
    expect(bench.counts).to.include({ drawn: 1, lost: 1 });
  });

  it("a late hello of an earlier dial does not take the place of a later one", () => {
    const bench = new Bench();
    const worker = bench.join("W1", { isWelcomed: false });
    const late = worker.up[0]!;
    const lateStream = worker.streamId;
    bench.pass(600 * MS);
    worker.redial();
    worker.talk();
    bench.handIn(lateStream, late);
    expect(bench.ended).to.include(lateStream);
    bench.closed(1);
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
  });

  it("an older stream is not read any more once a later dial was welcomed", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    worker.core.requestEnded(1, { sessionOver: false }, bench.now);
    worker.core.flushReturns();
    const onOldStream = worker.up[0]!;
    const oldStream = worker.streamId;
    worker.cut();
    worker.redial();
    worker.talk();
    bench.timing.messageReceived(oldStream, { ...onOldStream, seq: onOldStream.seq + 1 }, bench.now);
    expect(bench.violations).to.deep.equal([]);
    expect(bench.counts).to.include({ sent: 1 });
  });

  for (const [what, change] of [
    ["of another run", { runId: "other" }],
    ["welcomed by another timing process", { timingIncarnation: 5n }],
  ] as const) {
    it(`a hello ${what} is fenced`, () => {
      const bench = new Bench();
      const worker = bench.join("W1", { isWelcomed: false });
      const hello = worker.up.shift()!;
      bench.handIn(worker.streamId, { ...hello, body: { ...hello.body, ...change } as typeof hello.body });
      expect(worker.told("fenced")).to.have.length(1);
      worker.read();
      expect(worker.fencings).to.have.length(1);
    });
  }

  it("a message after a gap ends the stream, on either side, and the redial brings what was missing", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    const missing = worker.down.findIndex(({ body }) => body.kind === "slots");
    worker.down.splice(missing, 1);
    worker.read();
    expect(worker.core.stats()).to.include({ link: "waiting", held: 0 });
    worker.redial();
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
    worker.core.requestEnded(1, { sessionOver: false }, bench.now);
    worker.core.flushReturns();
    const said = worker.up.shift()!;
    bench.handIn(worker.streamId, { ...said, seq: said.seq + 1 });
    expect(bench.ended).to.include(worker.streamId);
    expect(bench.counts).to.include({ sent: 0, issued: 1 });
    worker.core.streamEnded(worker.dial, bench.now);
    worker.redial();
    worker.talk();
    expect(bench.counts).to.include({ sent: 1, issued: 0 });
  });

  it("a resent message keeps the ack it was first sent with: what it says of the credits held was true only then", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.start({ load: { kind: "open", pacer: { nextDueNs: dues([0, 400 * MS]) } }, stop: { requestCount: 2 } });
    worker.read();
    // "I hold nothing", which timing does not read; then the second credit, which waits for its due time.
    expect(worker.said("returned").at(-1)).to.deep.include({ unsent: 0 });
    bench.timing.advance(bench.now + 200 * MS);
    worker.read();
    expect(worker.core.stats().held).to.equal(1);
    worker.cut();
    worker.redial();
    worker.talk();
    expect(bench.counts.drawn).to.equal(2);
    expect(bench.sentPhases).to.deep.equal([]);
    bench.live(400 * MS);
    expect(worker.firedIds).to.deep.equal([1, 2]);
    expect(bench.sentPhases).to.deep.equal([0]);
  });

  it("the worker renews only after everything unacked was resent, so that its count of unsent credits is about what timing has read", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 2 } });
    worker.talk();
    // Credit 2 is given back, and timing does not read it.
    bench.setConcurrency(0);
    worker.read();
    bench.setConcurrency(1);
    worker.cut();
    worker.redial();
    worker.readByTiming(1);
    worker.read();
    const kinds = worker.up.map(({ body }) => body.kind);
    expect(kinds).to.include("returned");
    expect(kinds.indexOf("renew")).to.be.greaterThan(kinds.lastIndexOf("returned"));
    while (worker.up.length > 0) {
      worker.readByTiming(1);
      expect(bench.sentPhases).to.deep.equal([]);
    }
  });
});

describe("a credit", () => {
  it("that is sent is not given back by a recall, and one given back is not sent when it is due", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.start({
      load: { kind: "open", pacer: { nextDueNs: dues([10 * MS, 20 * MS]) } },
      stop: { durationNs: SEC },
    });
    worker.talk();
    bench.pass(10 * MS);
    bench.timing.stopPhase("user", bench.now);
    worker.talk();
    bench.live(20 * MS);
    expect(worker.firedIds).to.deep.equal([1]);
    expect(bench.counts).to.include({ issued: 1, unused: 1 });
  });

  it("that cannot be sent was used, and is not drawn again for ever", () => {
    const bench = new Bench();
    const worker = bench.join("W1", { isUnsendable: true });
    bench.closed(1, { stop: { requestCount: 3 } });
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1, 2, 3]);
    expect(bench.counts).to.include({ drawn: 3, sent: 3 });
    expect(bench.reports).to.have.length(1);
  });

  it("that is lost is not drawn again, and nothing that its worker says of it counts any more", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const other = bench.join("W2");
    bench.closed(1, { stop: { requestCount: 2 } });
    worker.talk();
    other.talk();
    const stream = worker.streamId;
    bench.timing.workerReaped("W1", bench.now);
    bench.timing.messageReceived(
      stream,
      { seq: 9, ack: 9, body: { kind: "returned", returns: [{ creditId: 1, use: "unused", sessionOver: false }], unsent: 0 } },
      bench.now,
    );
    other.talk();
    for (const id of other.firedIds) other.end(id);
    other.talk();
    const { drawn, sent, lost, unused } = bench.counts;
    expect(sent + lost).to.equal(2);
    expect(drawn).to.equal(sent + lost + unused);
    expect(other.fired.map(({ index }) => index)).to.not.include(worker.fired[0]!.index);
  });

  it("that its worker does not have and returns all the same is a bug, and changes nothing", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    bench.timing.messageReceived(
      worker.streamId,
      { seq: 3, ack: 2, body: { kind: "returned", returns: [{ creditId: 99, use: "sent", sessionOver: false }], unsent: 0 } },
      bench.now,
    );
    expect(bench.violations).to.have.length(1);
    expect(bench.counts).to.include({ drawn: 1, issued: 1, sent: 0 });
  });

  it("frees its prefill slot with the first token and not again with its return", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.start({ load: { kind: "closed", concurrency: 4 }, prefill: 1, stop: { requestCount: 4 } });
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1]);
    worker.core.firstToken(1);
    worker.core.flushReturns();
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1, 2]);
    worker.end(1);
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1, 2]);
    worker.end(2);
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1, 2, 3]);
  });
});

describe("a session", () => {
  it("ends with its worker: no other one gets its next turn", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const other = bench.join("W2");
    bench.closed(1, { stop: { sessionCount: 1 }, conversations: conversationsOf(3) });
    worker.talk();
    other.talk();
    worker.end(1);
    worker.talk();
    expect(worker.fired.map(({ turn }) => turn)).to.deep.equal([0, 1]);
    bench.timing.workerReaped("W1", bench.now);
    other.talk();
    bench.live(SEC, { silent: [worker] });
    expect(other.fired).to.deep.equal([]);
    expect(bench.reports[0]).to.deep.include({ abandonedTurns: 1, abandonedSessions: 1 });
    expect(bench.counts).to.include({ sent: 1, lost: 1 });
  });

  it("whose turn was ended at a fence does not go on when the stream heals", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { sessionCount: 1 }, conversations: conversationsOf(2) });
    worker.talk();
    worker.cut();
    bench.pass(4.2 * SEC);
    expect(worker.cancelled).to.deep.equal([{ ids: [1], reason: "fenced" }]);
    worker.end(1, true);
    worker.redial();
    worker.talk();
    expect(worker.fired.map(({ turn }) => turn)).to.deep.equal([0]);
    expect(bench.losses).to.deep.equal([]);
    expect(bench.reports[0]).to.deep.include({ abandonedTurns: 1 });
  });

  it("keeps a turn that came back unused for the worker that has its history", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const other = bench.join("W2");
    bench.closed(2, { stop: { sessionCount: 1 }, conversations: conversationsOf(2) });
    worker.talk();
    other.talk();
    worker.end(1);
    const seq = worker.up.at(-1)!.seq + 1;
    worker.readByTiming();
    const returns = [{ creditId: 2, use: "unused", sessionOver: false }] as const;
    worker.down = [];
    bench.timing.messageReceived(worker.streamId, { seq, ack: 3, body: { kind: "returned", returns, unsent: 0 } }, bench.now);
    const [again] = worker.told("issue").flatMap(({ credits }) => credits);
    expect(again).to.include({ id: 3, sessionId: 0, turn: 1, index: 1 });
    expect(other.told("issue")).to.deep.equal([]);
  });

  it("whose worker has no slot left is abandoned and counted, not passed to and fro", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { sessionCount: 1 }, conversations: conversationsOf(4) });
    worker.talk();
    worker.end(1);
    worker.readByTiming();
    bench.setConcurrency(0);
    worker.talk();
    expect(worker.firedIds.length).to.be.at.most(2);
    for (const id of worker.firedIds.slice(1)) worker.end(id);
    worker.talk();
    const { counts, abandonedTurns } = bench.reports[0]!;
    expect(counts.sent + counts.lost + counts.dropped + abandonedTurns).to.equal(4);
  });
});

describe("the lease", () => {
  it("counts from when the worker asked, not from when the answer was read", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 5 } });
    bench.live(500 * MS);
    expect(worker.firedIds).to.deep.equal([1]);
    // The worker asks; timing answers; the answer lies in the worker's socket for longer than the lease.
    bench.pass(450 * MS);
    worker.readByTiming();
    expect(worker.told("lease")).to.have.length(1);
    bench.pass(4.2 * SEC, [worker]);
    worker.read();
    worker.end(1, true);
    expect(worker.firedIds).to.deep.equal([1]);
    expect(worker.core.stats().isLeaseValid).to.equal(false);
  });

  it("of timing must outlast the worker's by the clocks' error and the time to close", () => {
    expect(() => checkLeaseTerms(LEASE_TERMS)).to.not.throw();
    expect(() => new Bench({ ...LEASE_TERMS, timingLeaseNs: LEASE_TERMS.workerLeaseNs })).to.throw(/may end \d+ ns before/);
    expect(() => checkLeaseTerms({ ...LEASE_TERMS, closingNs: LEASE_TERMS.closingNs + 0.2 * SEC })).to.throw(/may end/);
  });

  it("is looked at before every request: a frozen process that thaws does not send what it finds in its socket", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    bench.pass(4.5 * SEC, [worker]);
    worker.read();
    expect(worker.told("issue")).to.deep.equal([]);
    expect(worker.firedIds).to.deep.equal([]);
  });

  it("that is over ends what is in flight, and keeps what is held", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 5 } });
    worker.talk();
    worker.cut();
    bench.pass(4.2 * SEC);
    expect(worker.cancelled).to.deep.equal([{ ids: [1], reason: "fenced" }]);
    worker.end(1, true);
    expect(worker.firedIds).to.deep.equal([1]);
    expect(worker.core.stats().held).to.equal(4);
    worker.redial();
    worker.talk();
    expect(bench.losses).to.deep.equal([]);
    expect(worker.firedIds).to.deep.equal([1, 2]);
  });

  it("once lost means a new incarnation, and only when every request of the old one has ended", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 5 } });
    worker.talk();
    const before = worker.core.stats().incarnation;
    worker.cut();
    // It is frozen, so nothing ends its request; timing's lease for it passes.
    bench.pass(6 * SEC, [worker]);
    expect(bench.losses.map(({ reason }) => reason)).to.deep.equal(["lease over"]);
    bench.pass(50 * MS);
    worker.redial();
    worker.readByTiming();
    worker.read();
    expect(worker.fencings).to.have.length(1);
    bench.pass(2 * SEC);
    expect(worker.isDialling).to.equal(false);
    worker.end(1, true);
    worker.redial();
    worker.talk();
    expect(worker.core.stats().incarnation).to.not.equal(before);
    expect(worker.core.stats().held).to.equal(bench.counts.issued - worker.core.stats().inFlight);
    expect(worker.firedIds.slice(1).every((id) => id > 5)).to.equal(true);
  });

  it("alone makes timing give a silent worker up: a dead stream does not", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const other = bench.join("W2");
    bench.closed(2, { stop: { requestCount: 50 } });
    worker.talk();
    other.talk();
    worker.cut();
    bench.live(3 * SEC, { silent: [worker] });
    expect(bench.losses).to.deep.equal([]);
    expect(other.core.stats().limit).to.equal(1);
    bench.live(3 * SEC, { silent: [worker] });
    expect(bench.losses.map(({ workerId }) => workerId)).to.deep.equal(["W1"]);
    expect(other.core.stats().limit).to.equal(2);
  });

  it("need not pass when the process was reaped, or says hello with a new incarnation", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.join("W2");
    bench.timing.helloReceived(
      500,
      {
        kind: "hello",
        version: 1,
        token: "",
        runId: "run",
        workerId: "W1",
        incarnation: 99n,
        timingIncarnation: 0n,
        dial: 9,
        recvSeq: 0,
        renew: 1,
        maxConnections: 0,
      },
      bench.now,
    );
    bench.timing.workerReaped("W2", bench.now);
    expect(bench.losses.map(({ workerId, reason }) => [workerId, reason])).to.deep.equal([
      ["W1", "has a new incarnation"],
      ["W2", "process ended"],
    ]);
    expect(worker.told("fenced")).to.have.length(1);
  });

  it("is not renewed for a worker that timing wants to be rid of", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { graceNs: 0 });
    worker.talk();
    bench.timing.cancelPhase("user", bench.now);
    // It lives and renews, and never returns what it has in flight.
    bench.live(2.5 * SEC);
    expect(bench.losses).to.deep.equal([]);
    bench.live(5.5 * SEC);
    expect(bench.losses.map(({ workerId }) => workerId)).to.deep.equal(["W1"]);
    expect(bench.counts).to.include({ lost: 1, issued: 0 });
    expect(bench.reports).to.have.length(1);
  });

  it("is not over for anybody because timing itself stood still", () => {
    const bench = new Bench();
    const workers = [bench.join("W1"), bench.join("W2")];
    bench.closed(2, { stop: { requestCount: 20 } });
    bench.live(SEC);
    for (let i = 0; i < 120; i++) {
      bench.now += 100 * MS;
      for (const worker of workers) worker.core.advance(bench.now);
    }
    bench.timing.advance(bench.now);
    bench.timing.advance(bench.now + MS);
    expect(bench.losses).to.deep.equal([]);
  });

  it("is declared over only after what the sockets held has been read", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const joinedNs = bench.now;
    while (bench.now < joinedNs + 4.9 * SEC) {
      bench.now += 100 * MS;
      bench.timing.advance(bench.now);
    }
    // A hello lies unread when the lease is over; the first look finds it over and reads on.
    bench.now = joinedNs + 5.05 * SEC;
    worker.core.streamEnded(worker.dial, bench.now);
    worker.core.advance(bench.now + SEC);
    worker.connect();
    bench.timing.advance(bench.now);
    expect(bench.timing.nextWakeNs()).to.be.at.most(bench.now);
    worker.readByTiming();
    bench.timing.advance(bench.now);
    expect(bench.losses).to.deep.equal([]);
    expect(worker.told("welcome")).to.have.length(1);
  });

  it("that a frozen process overran is reported, with by how much", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    bench.pass(6 * SEC, [worker]);
    worker.core.advance(bench.now);
    expect(worker.overruns).to.have.length(1);
    expect(worker.overruns[0]).to.be.closeTo(2 * SEC, 0.1 * SEC);
  });

  it("that a frozen process overran is reported also when it reads an answer first", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    bench.pass(6 * SEC, [worker]);
    worker.core.requestEnded(worker.firedIds[0] ?? 0, { sessionOver: true }, bench.now);
    expect(worker.overruns).to.have.length(1);
  });

  it("is over after a suspend, in which the monotonic clock stood still", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    worker.core.advance(bench.now, 0);
    worker.core.advance(bench.now, 0.6 * SEC);
    expect(worker.cancelled.map(({ reason }) => reason)).to.deep.equal(["fenced"]);
  });
});

describe("slots", () => {
  it("that are cut are acked when the requests in flight have come down, not on receipt", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 9 } });
    worker.talk();
    bench.setConcurrency(0);
    worker.read();
    expect(worker.said("slots_ack")).to.deep.equal([]);
    worker.end(1);
    expect(worker.said("slots_ack")).to.deep.equal([]);
    worker.end(2);
    expect(worker.said("slots_ack").map(({ epoch }) => epoch)).to.deep.equal([2]);
  });

  it("count with the largest limit since the last acked epoch", () => {
    const slots = new WorkerSlots();
    slots.tell(1);
    slots.acked(1);
    // Latest only would count 0 while the worker still works by 1.
    slots.tell(0);
    expect(slots.counted).to.equal(1);
    // An ack that crosses a later epoch frees only its own.
    slots.tell(3);
    slots.tell(2);
    slots.acked(2);
    expect(slots.counted).to.equal(3);
    slots.acked(4);
    expect(slots.counted).to.equal(2);
  });

  it("that are raised count from when they are told", () => {
    const slots = new WorkerSlots();
    slots.tell(2);
    expect(slots.counted).to.equal(2);
  });

  it("are not given to another worker while a cut is on its way", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(2, { stop: { requestCount: 40 } });
    worker.talk();
    expect(worker.firedIds).to.deep.equal([1, 2]);
    const other = bench.join("W2");
    expect(other.core.stats().limit).to.equal(0);
    worker.talk();
    worker.end(1);
    worker.talk();
    other.talk();
    expect(other.core.stats().limit).to.equal(1);
    expect(worker.core.stats()).to.include({ limit: 1, inFlight: 1 });
    expect(other.core.stats().inFlight).to.equal(1);
  });

  it("of a worker that is cut off stay counted over the end of a phase", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.talk();
    worker.end(1);
    worker.talk();
    worker.cut();
    const other = bench.join("W2");
    bench.closed(1, { index: 1 });
    bench.live(3 * SEC, { silent: [worker] });
    expect(other.fired).to.deep.equal([]);
    bench.live(3 * SEC, { silent: [worker] });
    expect(other.fired).to.have.length(1);
  });

  it("cut to nothing make the worker give back all it holds, unasked", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 5 } });
    worker.talk();
    expect(worker.core.stats().held).to.equal(4);
    bench.setConcurrency(0);
    worker.read();
    expect(worker.core.stats().held).to.equal(0);
    expect(worker.said("returned")[0]!.returns.map(({ use }) => use)).to.deep.equal(Array(4).fill("unused"));
  });
});

describe("the tail of a phase", () => {
  it("takes the last credits from a busy worker and gives each to one with a free slot, once", () => {
    const bench = new Bench();
    const slow = bench.join("W1");
    const quick = bench.join("W2");
    bench.closed(2, { stop: { requestCount: 8 } });
    slow.talk();
    quick.talk();
    const ended = new Set<number>();
    let recalls = 0;
    for (let i = 0; i < 30; i++) {
      for (const id of quick.firedIds.filter((id) => !ended.has(id))) {
        ended.add(id);
        quick.end(id);
      }
      quick.talk();
      recalls += slow.told("recall").length;
      slow.talk();
      quick.talk();
    }
    expect(slow.fired).to.have.length(1);
    expect(quick.fired).to.have.length(7);
    expect(recalls).to.be.at.most(4);
    expect(bench.counts).to.include({ issued: 1, sent: 7 });
  });
  it("asks a worker for one thing at a time", () => {
    const bench = new Bench();
    const slow = bench.join("W1");
    const quick = bench.join("W2");
    bench.closed(4, { stop: { requestCount: 12 } });
    const ended = new Set<number>();
    slow.talk();
    quick.talk();
    while (quick.core.stats().inFlight > 0) {
      quick.end(quick.firedIds.find((id) => !ended.has(id))!);
      for (const id of quick.firedIds.slice(0, ended.size + 1)) ended.add(id);
      quick.talk();
    }
    expect(slow.told("recall").length).to.equal(1);
    bench.timing.stopPhase("user", bench.now);
    expect(slow.told("recall").length).to.equal(1);
    slow.talk();
    expect(bench.sentPhases).to.deep.equal([0]);
  });

  it("does not wait for a recall that found nothing: it is answered all the same", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const idle = bench.join("W2");
    bench.closed(1, { stop: { requestCount: 3 } });
    worker.talk();
    idle.talk();
    bench.timing.stopPhase("user", bench.now);
    const [recall] = idle.told("recall");
    idle.read();
    expect(idle.said("recall_done")).to.deep.equal([{ kind: "recall_done", recallId: recall!.recallId, count: 0 }]);
    worker.talk();
    idle.talk();
    expect(bench.sentPhases).to.deep.equal([0]);
  });
});

describe("the end of a phase", () => {
  it("sending is not complete while a worker holds a credit that may come back and be drawn again", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 2 } });
    worker.talk();
    expect(worker.core.stats().held).to.equal(1);
    expect(bench.sentPhases).to.deep.equal([]);
    worker.end(1);
    worker.talk();
    expect(bench.sentPhases).to.deep.equal([0]);
  });

  it("sending is not complete before the last issue message was handled", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1);
    worker.read(1);
    worker.readByTiming();
    expect(bench.sentPhases).to.deep.equal([]);
    worker.talk();
    expect(bench.sentPhases).to.deep.equal([0]);
  });

  it("sessions that the request count has cut short do not go on in the next phase", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    const conversations = { ...conversationsOf(3), delayNs: () => 200 * MS };
    const pacer = { nextDueNs: dues([0, 10 * MS, 20 * MS, 30 * MS]) };
    bench.start({
      load: { kind: "ceiling", pacer, concurrency: 1, overload: "drop" },
      stop: { requestCount: 2 },
      conversations,
    });
    worker.talk();
    worker.end(1);
    worker.talk();
    bench.live(100 * MS);
    expect(bench.reports[0]!.counts).to.include({ sent: 1, dropped: 1 });
    bench.closed(1, { index: 1, conversations });
    bench.live(SEC);
    expect(worker.fired.map(({ phase, turn }) => [phase, turn])).to.deep.equal([
      [0, 0],
      [1, 0],
    ]);
  });

  it("arrivals that find neither a new session nor a turn that is ready pass, and hold nothing up", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    let n = 0;
    bench.start({
      load: { kind: "open", pacer: { nextDueNs: () => n++ * 50 * MS } },
      stop: { sessionCount: 1 },
      conversations: { ...conversationsOf(2), delayNs: () => 120 * MS },
    });
    bench.live(400 * MS);
    worker.end(1);
    bench.live(600 * MS);
    expect(worker.fired.map(({ turn }) => turn)).to.deep.equal([0, 1]);
    const [first, second] = worker.fired;
    expect(second!.dueNs - first!.dueNs).to.be.at.least(520 * MS);
    expect(bench.counts).to.include({ drawn: 2, dropped: 0 });
  });

  it("a worker that does not answer the stop within 2 s is got rid of, and its credits are lost", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { requestCount: 4 } });
    worker.cut();
    bench.timing.stopPhase("user", bench.now, 0);
    bench.live(7.2 * SEC, { silent: [worker] });
    expect(bench.sentPhases).to.deep.equal([0]);
    expect(bench.reports[0]!.counts).to.include({ issued: 0, lost: 4 });
  });

  it("a target that never answers holds no phase for ever: after the grace what is in flight is cancelled", () => {
    const bench = new Bench();
    const worker = bench.join("W1");
    bench.closed(1, { stop: { durationNs: SEC }, graceNs: 2 * SEC });
    worker.talk();
    bench.live(2.9 * SEC);
    expect(worker.cancelled).to.deep.equal([]);
    bench.live(0.2 * SEC);
    expect(worker.cancelled.map(({ ids }) => ids)).to.deep.equal([[1]]);
    worker.end(1, true);
    worker.talk();
    expect(bench.reports[0]!.counts).to.include({ issued: 0, sent: 1, lost: 0 });
  });
});

interface Database {
  rows: Map<number, RecordKey>;
  late: Set<number>;
  conflicts: Set<number>;
  closed: Map<number, ClosedPhase>;
}

/** The manager with a database: `commit`, or `crash` and come back with what was committed. */
class BenchManager {
  #committed: Database = { rows: new Map(), late: new Set(), conflicts: new Set(), closed: new Map() };
  #open: Database = copyOf(this.#committed);
  readonly published: ClosedPhase[] = [];
  readonly acked: number[] = [];
  accounts = this.#start();
  acks = new CommitAcks((_stream, seq) => void this.acked.push(seq));

  get rows(): number[] {
    return [...this.#committed.rows.keys()];
  }

  get late(): number[] {
    return [...this.#committed.late];
  }

  get conflicts(): number[] {
    return [...this.#committed.conflicts];
  }

  commit(): void {
    this.#committed = copyOf(this.#open);
    this.acks.committed();
    this.accounts.committed();
  }

  crash(): void {
    this.#open = copyOf(this.#committed);
    this.acks = new CommitAcks((_stream, seq) => void this.acked.push(seq));
    this.accounts = this.#start();
  }

  #start(): Accounts<RecordKey> {
    const store: AccountStore<RecordKey> = {
      insert: (row) => {
        if (this.#open.rows.has(row.creditId)) return false;
        this.#open.rows.set(row.creditId, row);
        return true;
      },
      has: (id) => this.#open.rows.has(id),
      insertLate: (row) => void this.#open.late.add(row.creditId),
      markConflict: (id) => void this.#open.conflicts.add(id),
      writeClosed: (closed) => void this.#open.closed.set(closed.phase, closed),
      keys: () => this.#open.rows.values(),
      closedPhases: () => this.#open.closed.values(),
    };
    const options = { recordsDeadlineNs: 30 * SEC, lostDeadlineNs: 2 * SEC };
    return new Accounts(options, store, { publish: (closed) => void this.published.push(closed), commitSoon: () => undefined });
  }
}

function copyOf({ rows, late, conflicts, closed }: Database): Database {
  return { rows: new Map(rows), late: new Set(late), conflicts: new Set(conflicts), closed: new Map(closed) };
}

function account({ unused = [], dropped = [], lost = [] }: { unused?: number[]; dropped?: number[]; lost?: number[] } = {}) {
  const drawn = IdRanges.ofRanges([{ first: 1, last: 5 }]);
  return { phase: 0, drawn, unused: IdRanges.ofIds(unused), dropped: IdRanges.ofIds(dropped), lost: IdRanges.ofIds(lost) };
}

describe("records complete", () => {
  it("is published only after the commit, so that a manager that dies in between publishes what the file says", () => {
    const manager = new BenchManager();
    for (const creditId of [1, 2, 3, 4]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.commit();
    manager.accounts.accountReceived(account(), 0);
    manager.accounts.advance(30 * SEC);
    expect(manager.published).to.deep.equal([]);
    manager.crash();
    expect(manager.accounts.arrived({ phase: 0, creditId: 5 }, 0)).to.equal("inserted");
    manager.accounts.accountReceived(account(), 0);
    manager.commit();
    expect(manager.published.map(({ recorded, missingRecord }) => [recorded, missingRecord.count])).to.deep.equal([[5, 0]]);
  });

  it("answers a repeated account with what is stored", () => {
    const manager = new BenchManager();
    for (const creditId of [1, 2, 3]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.accounts.accountReceived(account({ lost: [4], unused: [5] }), 0);
    manager.accounts.advance(2 * SEC);
    manager.commit();
    manager.crash();
    manager.accounts.accountReceived(account({ lost: [4], unused: [5] }), 0);
    expect(manager.published).to.have.length(2);
    expect(manager.published[1]).to.deep.equal(manager.published[0]);
    expect(manager.published[0]).to.include({ recorded: 3, unused: 1, drawn: 5 });
    expect([...manager.published[0]!.missingLost]).to.deep.equal([4]);
  });

  it("waits 2 s for lost ids, and 30 s for sent ones", () => {
    const manager = new BenchManager();
    for (const creditId of [1, 2, 3]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.accounts.accountReceived(account({ lost: [4, 5] }), 0);
    expect(manager.accounts.nextWakeNs()).to.equal(2 * SEC);
    manager.accounts.arrived({ phase: 0, creditId: 4 }, SEC);
    manager.accounts.advance(2 * SEC);
    manager.commit();
    expect(manager.published[0]).to.include({ recorded: 4 });
    const other = new BenchManager();
    other.accounts.accountReceived(account(), 0);
    expect(other.accounts.nextWakeNs()).to.equal(30 * SEC);
  });

  it("calls a row for an id that was unused or dropped or never drawn a conflict, and keeps it out of the classes", () => {
    const manager = new BenchManager();
    for (const creditId of [1, 2, 3, 4, 9]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.accounts.accountReceived(account({ unused: [4], dropped: [5] }), 0);
    manager.commit();
    expect(manager.conflicts).to.deep.equal([4, 9]);
    expect(manager.published[0]).to.include({ recorded: 3, unused: 1, dropped: 1, drawn: 5 });
  });

  it("refuses an account whose classes do not add up", () => {
    const manager = new BenchManager();
    const broken = { ...account({ unused: [4, 5] }), dropped: IdRanges.ofIds([5]) };
    expect(() => {
      manager.accounts.accountReceived(broken, 0);
      manager.accounts.advance(30 * SEC);
    }).to.throw(/add up to 6, but 5/);
  });

  it("without timing's account is closed from the rows and its last heartbeat, and claims no equality", () => {
    const manager = new BenchManager();
    for (const creditId of [11, 12, 13]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.accounts.closeFromRows({ phase: 0, lowestId: 11, highestId: 18, unused: 1, dropped: 0, lost: 1 });
    manager.commit();
    expect(manager.published[0]).to.include({ isIncomplete: true, drawn: 8, recorded: 3, unaccounted: 3 });
  });

  it("has one more deadline at the controller: a silent timing or manager fails the run, which is closed from the rows", () => {
    const commands: RunCommand<string, string>[] = [];
    const machine = createRunMachine<string, string>(
      {
        barriers: [],
        phases: [{ name: "profiling", durationNs: SEC, graceNs: SEC, isMeasured: true }],
        processingTimeoutNs: 60 * SEC,
        bounds: RUN_BOUNDS,
      },
      { command: (command) => void commands.push(command), stateChanged: () => undefined, noted: () => undefined },
    );
    machine.start(0);
    machine.timingHeartbeat(0, "last words");
    machine.advance(17.9 * SEC);
    expect(machine.state).to.equal("running");
    machine.advance(18 * SEC);
    machine.advance(machine.nextWakeNs());
    expect(commands.at(-1)).to.deep.equal({ kind: "close_from_rows", phase: 0, heartbeat: "last words" });
    machine.phaseClosed(0, undefined, 25 * SEC);
    machine.processed(26 * SEC);
    expect(commands.at(-1)).to.deep.include({ kind: "finish", state: "failed" });
  });
});

describe("the record path", () => {
  it("acks only what is committed: a processor or manager that dies before loses nothing that was acked", () => {
    const acks: [number, number][] = [];
    const relay = new Relay({ ack: (stream, seq) => void acks.push([stream, seq]), endWorkerStream: () => undefined });
    const manager = new BenchManager();
    relay.managerConnected();
    relay.workerConnected(1);
    relay.batchReceived(1, 7);
    relay.batchForwarded(1, 7, 1);
    manager.accounts.arrived({ phase: 0, creditId: 1 }, 0);
    manager.acks.batchArrived(1, 1, { inserted: 1, duplicate: 0, late: 0 });
    expect(acks).to.deep.equal([]);
    expect(manager.acked).to.deep.equal([]);
    manager.crash();
    expect(manager.rows).to.deep.equal([]);
    manager.accounts.arrived({ phase: 0, creditId: 1 }, 0);
    manager.acks.batchArrived(2, 1, { inserted: 1, duplicate: 0, late: 0 });
    manager.commit();
    for (const seq of manager.acked) relay.managerAcked(seq);
    expect(manager.rows).to.deep.equal([1]);
    expect(acks).to.deep.equal([[1, 7]]);
  });

  it("acks duplicates with the batch that their row lies in, and counts them once", () => {
    const manager = new BenchManager();
    const row = { phase: 0, creditId: 1 };
    expect(manager.accounts.arrived(row, 0)).to.equal("inserted");
    manager.acks.batchArrived(1, 1, { inserted: 1, duplicate: 0, late: 0 });
    expect(manager.accounts.arrived(row, 0)).to.equal("duplicate");
    manager.acks.batchArrived(2, 5, { inserted: 0, duplicate: 1, late: 0 });
    expect(manager.acked).to.deep.equal([]);
    manager.commit();
    expect(manager.acked).to.deep.equal([1, 5]);
    expect(manager.rows).to.deep.equal([1]);
  });

  it("acks what comes after its phase was closed too, and keeps it apart", () => {
    const manager = new BenchManager();
    for (const creditId of [1, 2, 3, 4]) manager.accounts.arrived({ phase: 0, creditId }, 0);
    manager.accounts.accountReceived(account({ lost: [5] }), 0);
    manager.accounts.advance(2 * SEC);
    expect(manager.accounts.arrived({ phase: 0, creditId: 5 }, 3 * SEC)).to.equal("late");
    manager.acks.batchArrived(1, 1, { inserted: 0, duplicate: 0, late: 1 });
    manager.commit();
    expect(manager.acked).to.deep.equal([1]);
    expect(manager.rows).to.deep.equal([1, 2, 3, 4]);
    expect(manager.late).to.deep.equal([5]);
    expect(manager.published[0]).to.include({ recorded: 4 });
  });

  it("ends the workers' streams when the manager's breaks, so that they resend", () => {
    const endedStreams: number[] = [];
    const relay = new Relay({ ack: () => undefined, endWorkerStream: (stream) => void endedStreams.push(stream) });
    relay.managerConnected();
    relay.workerConnected(1);
    relay.workerConnected(2);
    relay.managerStreamEnded();
    expect(endedStreams).to.deep.equal([1, 2]);
    expect(relay.workerConnected(3)).to.equal(false);
    expect(endedStreams).to.deep.equal([1, 2, 3]);
  });

  it("makes no record of parts from two streams: half a record dies with its stream", () => {
    const relay = new Relay({ ack: () => undefined, endWorkerStream: () => undefined });
    relay.managerConnected();
    relay.workerConnected(1);
    expect(relay.partReceived(1, { creditId: 8, seq: 0, isLast: false })).to.equal("more");
    relay.workerStreamEnded(1);
    relay.workerConnected(2);
    expect(relay.partReceived(2, { creditId: 8, seq: 1, isLast: true })).to.equal("broken");
    relay.workerConnected(3);
    expect(relay.partReceived(3, { creditId: 8, seq: 0, isLast: false })).to.equal("more");
    expect(relay.partReceived(3, { creditId: 8, seq: 1, isLast: true })).to.equal("complete");
  });
});

describe("recall at each point of a held credit", () => {
  const credit = (id: number, turn = 0) => ({
    id,
    phase: 0,
    conversation: 0,
    turn,
    turns: turn + 1,
    sessionId: id,
    countsTowardTarget: true,
    dueNs: id * MS,
    targetIndex: 0,
    index: id,
  });

  for (const point of ["waiting for its due time", "ready", "fired"] as const) {
    it(`a credit that is ${point} leaves exactly one way`, () => {
      const holdings = new Holdings();
      holdings.hold(credit(1), 0);
      if (point !== "waiting for its due time") holdings.promoteDue(MS);
      const fired = point === "fired" ? holdings.fireNext() : undefined;
      const recalled = holdings.recall(0, { kind: "all" }, false);
      holdings.promoteDue(MS);
      const firedAfter = holdings.fireNext();
      expect([fired, ...recalled, firedAfter].filter((left) => left !== undefined)).to.have.length(1);
      expect(holdings.count).to.equal(0);
    });
  }

  it("takes the latest due first, and leaves further turns when asked to", () => {
    const holdings = new Holdings();
    for (const id of [1, 2, 3]) holdings.hold(credit(id), 0);
    holdings.hold(credit(4, 1), 0);
    expect(holdings.recall(0, { kind: "count", count: 2 }, true).map(({ id }) => id)).to.deep.equal([3, 2]);
    expect(holdings.recall(0, { kind: "due_after", dueAfterNs: 2 * MS }, false).map(({ id }) => id)).to.deep.equal([4]);
  });
});

function dues(offsets: readonly number[]): () => number {
  let n = 0;
  return () => offsets[n++] ?? Number.POSITIVE_INFINITY;
}
