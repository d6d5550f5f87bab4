import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { CreditsRequestSchema, CreditsResponseSchema } from "../../../gen/assay/timing/v1/timing_service_pb.js";
import { envelopeOfRequest, envelopeOfResponse, requestBytes, responseBytes } from "../../../services/common/credit-codec.ts";
import type { Credit, Envelope, TimingMessage, WorkerMessage } from "../../../services/common/credits.ts";
import { AssayError } from "../../../services/common/errors.ts";
import type { SuiteClock } from "../../../services/common/member/suite-clock.ts";

const id = fc.oneof(fc.nat(), fc.maxSafeNat());
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const incarnation = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: "grapheme" });
const ids = fc.array(id, { maxLength: 5 });
/** Whole ns of a machine that has been up for less than a year: sums with an offset stay exact. */
const moment = fc.integer({ min: 1, max: 3e16 / 4 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const workerMessage: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("hello" as const),
    version: uint32,
    token: fc.constant(""),
    runId: text,
    workerId: text,
    incarnation,
    timingIncarnation: fc.oneof(fc.constant(0n), incarnation),
    dial: uint32,
    recvSeq: id,
    renew: id,
    maxConnections: uint32,
  }),
  fc.record({ kind: fc.constant("renew" as const), n: id, unsent: id }),
  fc.record({
    kind: fc.constant("returned" as const),
    returns: fc.array(
      fc.record(
        {
          creditId: id,
          use: fc.constantFrom("sent", "unused"),
          sessionOver: fc.boolean(),
          miss: fc.constantFrom("unreached", "untried"),
        } as const,
        { requiredKeys: ["creditId", "use", "sessionOver"] },
      ),
    ),
    unsent: id,
  }),
  fc.record({ kind: fc.constant("first_token" as const), creditIds: ids }),
  fc.record({ kind: fc.constant("slots_ack" as const), epoch: id }),
  fc.record({ kind: fc.constant("recall_done" as const), recallId: id, count: id }),
);

const credit: fc.Arbitrary<Credit> = fc.record({
  id,
  phase: uint32,
  conversation: id,
  turn: uint32,
  turns: uint32,
  sessionId: id,
  parentSession: maybe(fc.nat()),
  rootSession: maybe(fc.nat()),
  agentDepth: maybe(fc.integer({ min: 1, max: 9 })),
  forkedAt: maybe(fc.nat(9)),
  forks: maybe(fc.integer({ min: 1, max: 9 })),
  countsTowardTarget: fc.boolean(),
  dueNs: fc.oneof(fc.constant(0), moment),
  cancelAfterNs: maybe(fc.nat()),
  targetIndex: uint32,
  maxOutputTokensOverride: maybe(fc.integer({ min: 1, max: 2 ** 32 - 1 })),
  index: id,
});

const scope = fc.oneof(
  fc.record({ kind: fc.constant("count" as const), count: id }),
  fc.record({ kind: fc.constant("due_after" as const), dueAfterNs: moment }),
  fc.constant({ kind: "all" as const }),
);

const timingMessage: fc.Arbitrary<TimingMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("welcome" as const),
    timingIncarnation: incarnation,
    recvSeq: id,
    renew: id,
    leaseNs: moment,
    wantsFirstToken: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("lease" as const), n: id }),
  fc.record({ kind: fc.constant("fenced" as const), incarnation, reason: text }),
  fc.record({ kind: fc.constant("issue" as const), credits: fc.array(credit, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant("slots" as const), limit: uint32, epoch: id }),
  fc.record({ kind: fc.constant("recall" as const), recallId: id, phase: uint32, scope, firstTurnsOnly: fc.boolean() }),
  fc.record({ kind: fc.constant("cancel" as const), phase: uint32, reason: text }),
);

describe("credit codec", () => {
  it("gives back every message of a worker", () => {
    fc.assert(
      fc.property(workerMessage, id, id, (body, seq, ack) => {
        const envelope: Envelope<WorkerMessage> = { seq, ack, body };
        expect(envelopeOfRequest(Buffer.from(requestBytes(envelope)))).to.deep.equal(envelope);
      }),
    );
  });

  it("writes what the generated code reads, and reads what it writes", () => {
    fc.assert(
      fc.property(workerMessage, id, id, (body, seq, ack) => {
        const envelope: Envelope<WorkerMessage> = { seq, ack, body };
        const request = fromBinary(CreditsRequestSchema, requestBytes(envelope));
        expect(request).to.include({ seq: BigInt(seq), ack: BigInt(ack) });
        expect(envelopeOfRequest(Buffer.from(toBinary(CreditsRequestSchema, request)))).to.deep.equal(envelope);
      }),
    );
    fc.assert(
      fc.property(timingMessage, id, id, (body, seq, ack) => {
        const bytes = responseBytes({ seq, ack, body }, clockAt(300));
        const response = fromBinary(CreditsResponseSchema, bytes);
        expect(response.$unknown ?? []).to.deep.equal([]);
        const again = Buffer.from(toBinary(CreditsResponseSchema, response));
        expect(envelopeOfResponse(again, clockAt(0), 77)).to.deep.equal(envelopeOfResponse(Buffer.from(bytes), clockAt(0), 77));
      }),
    );
  });

  it("reads a message that comes in two pieces as one", () => {
    const pieces = [1, 2].map((creditId) =>
      requestBytes({
        seq: 7,
        ack: 3,
        body: { kind: "returned", returns: [{ creditId, use: "sent", sessionOver: true }], unsent: 5 },
      }),
    );
    const { seq, body } = envelopeOfRequest(Buffer.concat(pieces));
    expect(seq).to.equal(7);
    expect(body.kind === "returned" && body.returns.map(({ creditId }) => creditId)).to.deep.equal([1, 2]);
  });

  it("refuses bytes that end early, wherever they are cut", () => {
    const returns = [{ creditId: 300, use: "sent", sessionOver: true } as const];
    const returned = Buffer.from(requestBytes({ seq: 7, ack: 3, body: { kind: "returned", returns, unsent: 5 } }));
    const issue = Buffer.from(responseBytes({ seq: 1, ack: 0, body: issueOf({ dueNs: 10_000 }) }, clockAt(0)));
    for (let length = 0; length < returned.length; length++) {
      expect(() => envelopeOfRequest(returned.subarray(0, length)), `${length} bytes`).to.throw();
    }
    for (let length = 0; length < issue.length; length++) {
      expect(() => envelopeOfResponse(issue.subarray(0, length), clockAt(0), 0), `${length} bytes`).to.throw();
    }
  });

  it("gives back every message of timing, with moments of the worker's own clock", () => {
    const timing = clockAt(1_000_000);
    const worker = clockAt(-5_000_000_000);
    const move = (ns: number) => worker.toLocal(timing.toSuite(ns));
    fc.assert(
      fc.property(timingMessage, id, id, (body, seq, ack) => {
        const received = envelopeOfResponse(Buffer.from(responseBytes({ seq, ack, body }, timing)), worker, 77);
        expect(received).to.deep.equal({ seq, ack, body: moved(body, move, timing.now()) });
      }),
    );
  });

  it("leaves 0, as soon as a slot is free, alone, whatever the clocks", () => {
    const issue = issueOf({ dueNs: 0 });
    const { body } = overTheWire(issue, clockAt(123), clockAt(-456));
    expect(body.kind === "issue" && body.credits[0]?.dueNs).to.equal(0);
  });

  it("translates the due time of a credit and of a recall by the difference of the two clocks", () => {
    const issued = overTheWire(issueOf({ dueNs: 10_000 }), clockAt(300), clockAt(-200));
    expect(issued.body.kind === "issue" && issued.body.credits[0]).to.include({ dueNs: 10_500, receivedNs: 77 });
    const recall = {
      kind: "recall",
      recallId: 1,
      phase: 0,
      scope: { kind: "due_after", dueAfterNs: 10_000 },
      firstTurnsOnly: false,
    };
    const recalled = overTheWire(recall as TimingMessage, clockAt(300), clockAt(-200));
    expect(recalled.body.kind === "recall" && recalled.body.scope).to.deep.equal({ kind: "due_after", dueAfterNs: 10_500 });
  });

  it("refuses a message that says nothing", () => {
    const nothing = Buffer.from(toBinary(CreditsRequestSchema, create(CreditsRequestSchema, { seq: 1n })));
    expect(() => envelopeOfRequest(nothing)).to.throw(AssayError, "empty");
    expect(() => envelopeOfResponse(nothing, clockAt(0), 0)).to.throw(AssayError, "empty");
  });

  it("takes a recall that names nothing for one of everything", () => {
    const response = create(CreditsResponseSchema, { message: { case: "recall", value: { recallId: 4n } } });
    const { body } = envelopeOfResponse(Buffer.from(toBinary(CreditsResponseSchema, response)), clockAt(0), 0);
    expect(body).to.deep.equal({ kind: "recall", recallId: 4, phase: 0, scope: { kind: "all" }, firstTurnsOnly: false });
  });
});

/** A host whose clock reads suite time minus the offset, at suite time 5 000. */
function clockAt(offsetNs: number): SuiteClock {
  return {
    now: () => 5_000,
    toSuite: (ns) => ns + offsetNs,
    toLocal: (ns) => ns - offsetNs,
    offset: () => ({ offsetNs, uncertaintyNs: 0, driftPpm: 0 }),
  };
}

function moved(body: TimingMessage, move: (ns: number) => number, issuedNs: number): TimingMessage {
  if (body.kind === "recall" && body.scope.kind === "due_after") {
    return { ...body, scope: { ...body.scope, dueAfterNs: move(body.scope.dueAfterNs) } };
  }
  if (body.kind !== "issue") return body;
  const credits = body.credits.map((one) => ({
    ...one,
    dueNs: one.dueNs === 0 ? 0 : move(one.dueNs),
    issuedNs,
    receivedNs: 77,
  }));
  return { ...body, credits };
}

function issueOf(changes: Partial<Credit>): TimingMessage {
  const plain: Credit = {
    id: 1,
    phase: 0,
    conversation: 0,
    turn: 0,
    turns: 1,
    sessionId: 0,
    countsTowardTarget: true,
    dueNs: 0,
    targetIndex: 0,
    index: 0,
  };
  return { kind: "issue", credits: [{ ...plain, ...changes }] };
}

function overTheWire(body: TimingMessage, timing: SuiteClock, worker: SuiteClock): Envelope<TimingMessage> {
  return envelopeOfResponse(Buffer.from(responseBytes({ seq: 1, ack: 0, body }, timing)), worker, 77);
}
