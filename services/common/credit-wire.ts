/**
 * The two messages of the Credits stream of which there are as many as requests, by hand: credits to a worker, and their returns. Fields
 * and meanings are those of `assay/timing/v1`, the bytes what every protobuf library reads and writes.
 */
import { ReturnKind, TargetMiss as WireMiss } from "../../gen/assay/timing/v1/timing_pb.js";
import type { Credit, CreditReturn, Envelope, TargetMiss, TimingMessage, WorkerMessage } from "./credits.ts";
import type { SuiteClock } from "./member/suite-clock.ts";
import { WireReader, WireWriter } from "./wire.ts";

export type Returned = Extract<WorkerMessage, { kind: "returned" }>;
export type Issue = Extract<TimingMessage, { kind: "issue" }>;

const envelopeField = { seq: 1, ack: 2, returned: 5, issue: 6 } as const;
const returnedField = { returns: 1, unsent: 2 } as const;
const returnField = { creditId: 1, kind: 2, isSessionOver: 3, miss: 4 } as const;
const creditsField = 1;
const creditField = {
  creditId: 1,
  phase: 2,
  conversation: 3,
  turn: 4,
  turns: 5,
  session: 6,
  index: 7,
  dueNs: 8,
  cancelAfterNs: 9,
  target: 10,
  maxOutputTokens: 11,
  parentSession: 12,
  rootSession: 13,
  isUncounted: 14,
  issuedNs: 15,
  agentDepth: 16,
  forkedAt: 17,
  forks: 18,
} as const;

const wireMisses = { unreached: WireMiss.UNREACHED, untried: WireMiss.UNTRIED } as const satisfies Record<TargetMiss, WireMiss>;

/** Bytes of an envelope and of what it holds once. */
const headBytes = 64;
const mostReturnBytes = 24;
const mostCreditBytes = 192;

/** A `CreditsRequest` of returned credits. */
export function writeReturned({ seq, ack, body }: Envelope<Returned>): Buffer {
  const wire = new WireWriter(Buffer.allocUnsafe(headBytes + mostReturnBytes * body.returns.length));
  wire.uint(envelopeField.seq, seq);
  wire.uint(envelopeField.ack, ack);
  const message = wire.open(envelopeField.returned);
  for (const { creditId, use, sessionOver, miss } of body.returns) {
    const opened = wire.open(returnedField.returns);
    wire.uint(returnField.creditId, creditId);
    wire.uint(returnField.kind, use === "sent" ? ReturnKind.SENT : ReturnKind.UNUSED);
    wire.bool(returnField.isSessionOver, sessionOver);
    if (miss !== undefined) wire.uint(returnField.miss, wireMisses[miss]);
    wire.close(opened);
  }
  wire.uint(returnedField.unsent, body.unsent);
  wire.close(message);
  return wire.buffer.subarray(0, wire.end);
}

/** Undefined: the message is another one, for the generated code to read. Throws `invalid_argument` where its bytes end early. */
export function readReturned(bytes: Buffer): Envelope<Returned> | undefined {
  return readEnvelope(bytes, envelopeField.returned, readReturnedBody);
}

/** A `CreditsResponse` of credits, with suite times. `issuedNs`: suite time of now. */
export function writeIssue({ seq, ack, body }: Envelope<Issue>, issuedNs: number, clock: SuiteClock): Buffer {
  const wire = new WireWriter(Buffer.allocUnsafe(headBytes + mostCreditBytes * body.credits.length));
  wire.uint(envelopeField.seq, seq);
  wire.uint(envelopeField.ack, ack);
  const message = wire.open(envelopeField.issue);
  for (const credit of body.credits) {
    const opened = wire.open(creditsField);
    writeCredit(wire, credit, issuedNs, clock);
    wire.close(opened);
  }
  wire.close(message);
  return wire.buffer.subarray(0, wire.end);
}

/** As `readReturned`; suite times become the worker's own. */
export function readIssue(bytes: Buffer, clock: SuiteClock, receivedNs: number): Envelope<Issue> | undefined {
  return readEnvelope(bytes, envelopeField.issue, (reader, end) => {
    const credits: Credit[] = [];
    while (reader.at < end) {
      const tag = reader.tag();
      if (tag >>> 3 === creditsField) credits.push(readCredit(reader, clock, receivedNs));
      else reader.skip(tag & 7);
    }
    return { kind: "issue", credits };
  });
}

function readEnvelope<Body>(
  bytes: Buffer,
  field: number,
  readBody: (reader: WireReader, end: number) => Body,
): Envelope<Body> | undefined {
  const reader = new WireReader(bytes);
  let seq = 0;
  let ack = 0;
  let body: Body | undefined;
  while (reader.at < bytes.length) {
    const number = reader.tag() >>> 3;
    if (number === envelopeField.seq) seq = reader.varint();
    else if (number === envelopeField.ack) ack = reader.varint();
    // Two pieces of one message are merged by the generated code.
    else if (number !== field || body !== undefined) return undefined;
    else {
      const end = reader.length();
      body = readBody(reader, end);
      reader.expectEnd(end);
    }
  }
  return body && { seq, ack, body };
}

function readReturnedBody(reader: WireReader, end: number): Returned {
  const returns: CreditReturn[] = [];
  let unsent = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    const number = tag >>> 3;
    if (number === returnedField.returns) returns.push(readReturn(reader));
    else if (number === returnedField.unsent) unsent = reader.varint();
    else reader.skip(tag & 7);
  }
  return { kind: "returned", returns, unsent };
}

function readReturn(reader: WireReader): CreditReturn {
  const end = reader.length();
  let creditId = 0;
  let kind = 0;
  let sessionOver = false;
  let miss: TargetMiss | undefined;
  while (reader.at < end) {
    const tag = reader.tag();
    const number = tag >>> 3;
    if (number === returnField.creditId) creditId = reader.varint();
    else if (number === returnField.kind) kind = reader.varint();
    else if (number === returnField.isSessionOver) sessionOver = reader.varint() !== 0;
    else if (number === returnField.miss) miss = missOf(reader.varint());
    else reader.skip(tag & 7);
  }
  reader.expectEnd(end);
  const use = kind === ReturnKind.SENT ? "sent" : "unused";
  return miss === undefined ? { creditId, use, sessionOver } : { creditId, use, sessionOver, miss };
}

/** What the domain calls a value of the wire; one that is not known says nothing. */
export function missOf(value: number): TargetMiss | undefined {
  if (value === WireMiss.UNREACHED) return "unreached";
  return value === WireMiss.UNTRIED ? "untried" : undefined;
}

function writeCredit(wire: WireWriter, credit: Credit, issuedNs: number, clock: SuiteClock): void {
  wire.uint(creditField.creditId, credit.id);
  wire.uint(creditField.phase, credit.phase);
  wire.uint(creditField.conversation, credit.conversation);
  wire.uint(creditField.turn, credit.turn);
  wire.uint(creditField.turns, credit.turns);
  wire.uint(creditField.session, credit.sessionId);
  wire.uint(creditField.index, credit.index);
  wire.double(creditField.dueNs, credit.dueNs === 0 ? 0 : clock.toSuite(credit.dueNs));
  wire.optionalDouble(creditField.cancelAfterNs, credit.cancelAfterNs);
  wire.uint(creditField.target, credit.targetIndex);
  wire.uint(creditField.maxOutputTokens, credit.maxOutputTokensOverride ?? 0);
  wire.uint(creditField.parentSession, credit.parentSession === undefined ? 0 : credit.parentSession + 1);
  wire.uint(creditField.rootSession, credit.rootSession === undefined ? 0 : credit.rootSession + 1);
  wire.bool(creditField.isUncounted, !credit.countsTowardTarget);
  wire.double(creditField.issuedNs, issuedNs);
  wire.uint(creditField.agentDepth, credit.agentDepth ?? 0);
  wire.uint(creditField.forkedAt, credit.forkedAt === undefined ? 0 : credit.forkedAt + 1);
  wire.uint(creditField.forks, credit.forks ?? 0);
}

function readCredit(reader: WireReader, clock: SuiteClock, receivedNs: number): Credit {
  const end = reader.length();
  let id = 0;
  let phase = 0;
  let conversation = 0;
  let turn = 0;
  let turns = 0;
  let sessionId = 0;
  let index = 0;
  let dueNs = 0;
  let cancelAfterNs: number | undefined;
  let targetIndex = 0;
  let maxOutputTokens = 0;
  let parentSession = 0;
  let rootSession = 0;
  let isUncounted = false;
  let issuedNs = 0;
  let agentDepth = 0;
  let forkedAt = 0;
  let forks = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case creditField.creditId:
        id = reader.varint();
        break;
      case creditField.phase:
        phase = reader.varint();
        break;
      case creditField.conversation:
        conversation = reader.varint();
        break;
      case creditField.turn:
        turn = reader.varint();
        break;
      case creditField.turns:
        turns = reader.varint();
        break;
      case creditField.session:
        sessionId = reader.varint();
        break;
      case creditField.index:
        index = reader.varint();
        break;
      case creditField.dueNs:
        dueNs = reader.double();
        break;
      case creditField.cancelAfterNs:
        cancelAfterNs = reader.double();
        break;
      case creditField.target:
        targetIndex = reader.varint();
        break;
      case creditField.maxOutputTokens:
        maxOutputTokens = reader.varint();
        break;
      case creditField.parentSession:
        parentSession = reader.varint();
        break;
      case creditField.rootSession:
        rootSession = reader.varint();
        break;
      case creditField.isUncounted:
        isUncounted = reader.varint() !== 0;
        break;
      case creditField.issuedNs:
        issuedNs = reader.double();
        break;
      case creditField.agentDepth:
        agentDepth = reader.varint();
        break;
      case creditField.forkedAt:
        forkedAt = reader.varint();
        break;
      case creditField.forks:
        forks = reader.varint();
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  reader.expectEnd(end);
  return {
    id,
    phase,
    conversation,
    turn,
    turns,
    sessionId,
    parentSession: parentSession === 0 ? undefined : parentSession - 1,
    rootSession: rootSession === 0 ? undefined : rootSession - 1,
    agentDepth: agentDepth === 0 ? undefined : agentDepth,
    forkedAt: forkedAt === 0 ? undefined : forkedAt - 1,
    forks: forks === 0 ? undefined : forks,
    countsTowardTarget: !isUncounted,
    dueNs: dueNs === 0 ? 0 : clock.toLocal(dueNs),
    cancelAfterNs,
    targetIndex,
    maxOutputTokensOverride: maxOutputTokens === 0 ? undefined : maxOutputTokens,
    index,
    issuedNs,
    receivedNs,
  };
}
