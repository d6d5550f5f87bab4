/**
 * The Credits stream between its proto and the domain words of `credits.ts`; the one place that converts. Suite time and a
 * host's own clock meet here: timing writes suite time, a worker reads its own.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CreditSchema, ReturnKind, type Credit as WireCredit } from "../../gen/assay/timing/v1/timing_pb.js";
import type {
  CreditsRequest,
  CreditsRequestSchema,
  CreditsResponse,
  CreditsResponseSchema,
  Recall,
} from "../../gen/assay/timing/v1/timing_service_pb.js";
import type { Credit, CreditReturn, Envelope, RecallScope, TimingMessage, WorkerMessage } from "./credits.ts";
import { AssayError } from "./errors.ts";
import type { SuiteClock } from "./member/suite-clock.ts";

type RequestInit = MessageInitShape<typeof CreditsRequestSchema>;
type ResponseInit = MessageInitShape<typeof CreditsResponseSchema>;

/** Worker's envelope to the wire. */
export function requestOf(envelope: Envelope<WorkerMessage>): RequestInit {
  return { seq: BigInt(envelope.seq), ack: BigInt(envelope.ack), message: requestMessageOf(envelope.body) };
}

function requestMessageOf(body: WorkerMessage): NonNullable<RequestInit["message"]> {
  switch (body.kind) {
    case "hello":
      return {
        case: "hello",
        value: {
          protocolVersion: body.version,
          runId: body.runId,
          workerId: body.workerId,
          incarnation: body.incarnation,
          timingIncarnation: body.timingIncarnation,
          dial: body.dial,
          recvSeq: BigInt(body.recvSeq),
          renew: BigInt(body.renew),
        },
      };
    case "renew":
      return { case: "renew", value: { n: BigInt(body.n), unsent: BigInt(body.unsent) } };
    case "returned":
      return {
        case: "returned",
        value: {
          unsent: BigInt(body.unsent),
          returns: body.returns.map(({ creditId, use, sessionOver }) => ({
            creditId: BigInt(creditId),
            kind: use === "sent" ? ReturnKind.SENT : ReturnKind.UNUSED,
            isSessionOver: sessionOver,
          })),
        },
      };
    case "first_token":
      return { case: "firstToken", value: { creditIds: body.creditIds.map(BigInt) } };
    case "slots_ack":
      return { case: "slotsAck", value: { epoch: BigInt(body.epoch) } };
    case "recall_done":
      return { case: "recallDone", value: { recallId: BigInt(body.recallId), count: BigInt(body.count) } };
  }
}

/** Wire to worker's envelope, at timing. The token is the stream's metadata, checked before. Throws `invalid_argument` on an empty message. */
export function envelopeOfRequest(request: CreditsRequest): Envelope<WorkerMessage> {
  return { seq: Number(request.seq), ack: Number(request.ack), body: workerMessageOf(request.message) };
}

function workerMessageOf(message: CreditsRequest["message"]): WorkerMessage {
  switch (message.case) {
    case "hello": {
      const { value } = message;
      return {
        kind: "hello",
        version: value.protocolVersion,
        token: "",
        runId: value.runId,
        workerId: value.workerId,
        incarnation: value.incarnation,
        timingIncarnation: value.timingIncarnation,
        dial: value.dial,
        recvSeq: Number(value.recvSeq),
        renew: Number(value.renew),
      };
    }
    case "renew":
      return { kind: "renew", n: Number(message.value.n), unsent: Number(message.value.unsent) };
    case "returned":
      return {
        kind: "returned",
        unsent: Number(message.value.unsent),
        returns: message.value.returns.map(
          ({ creditId, kind, isSessionOver }): CreditReturn => ({
            creditId: Number(creditId),
            use: kind === ReturnKind.SENT ? "sent" : "unused",
            sessionOver: isSessionOver,
          }),
        ),
      };
    case "firstToken":
      return { kind: "first_token", creditIds: message.value.creditIds.map(Number) };
    case "slotsAck":
      return { kind: "slots_ack", epoch: Number(message.value.epoch) };
    case "recallDone":
      return { kind: "recall_done", recallId: Number(message.value.recallId), count: Number(message.value.count) };
    case undefined:
      throw new AssayError("invalid_argument", "a credits message from a worker is empty");
  }
}

/** Timing's envelope to the wire; times of timing's own clock become suite time. */
export function responseOf(envelope: Envelope<TimingMessage>, clock: SuiteClock): ResponseInit {
  return { seq: BigInt(envelope.seq), ack: BigInt(envelope.ack), message: responseMessageOf(envelope.body, clock) };
}

function responseMessageOf(body: TimingMessage, clock: SuiteClock): NonNullable<ResponseInit["message"]> {
  switch (body.kind) {
    case "welcome":
      return {
        case: "welcome",
        value: {
          timingIncarnation: body.timingIncarnation,
          recvSeq: BigInt(body.recvSeq),
          renew: BigInt(body.renew),
          leaseNs: body.leaseNs,
          wantsFirstToken: body.wantsFirstToken,
        },
      };
    case "lease":
      return { case: "lease", value: { n: BigInt(body.n) } };
    case "fenced":
      return { case: "fenced", value: { incarnation: body.incarnation, reason: body.reason } };
    case "issue": {
      const issuedNs = clock.now();
      return { case: "issue", value: { credits: body.credits.map((credit) => wireCreditOf(credit, issuedNs, clock)) } };
    }
    case "slots":
      return { case: "slots", value: { limit: body.limit, epoch: BigInt(body.epoch) } };
    case "recall":
      return {
        case: "recall",
        value: {
          recallId: BigInt(body.recallId),
          phase: body.phase,
          isFirstTurnsOnly: body.firstTurnsOnly,
          what: wireScopeOf(body.scope, clock),
        },
      };
    case "cancel":
      return { case: "cancel", value: { phase: body.phase, reason: body.reason } };
  }
}

function wireScopeOf(scope: RecallScope, clock: SuiteClock): Recall["what"] {
  switch (scope.kind) {
    case "count":
      return { case: "count", value: BigInt(scope.count) };
    case "due_after":
      return { case: "dueAfterNs", value: clock.toSuite(scope.dueAfterNs) };
    case "all":
      return { case: "all", value: true };
  }
}

function wireCreditOf(credit: Credit, issuedNs: number, clock: SuiteClock): MessageInitShape<typeof CreditSchema> {
  return {
    creditId: BigInt(credit.id),
    phase: credit.phase,
    conversation: BigInt(credit.conversation),
    turn: credit.turn,
    turns: credit.turns,
    session: BigInt(credit.sessionId),
    index: BigInt(credit.index),
    dueNs: credit.dueNs === 0 ? 0 : clock.toSuite(credit.dueNs),
    target: credit.targetIndex,
    maxOutputTokens: credit.maxOutputTokensOverride ?? 0,
    parentSession: BigInt(credit.parentSession === undefined ? 0 : credit.parentSession + 1),
    rootSession: BigInt(credit.rootSession === undefined ? 0 : credit.rootSession + 1),
    isUncounted: !credit.countsTowardTarget,
    agentDepth: credit.agentDepth ?? 0,
    forkedAt: credit.forkedAt === undefined ? 0 : credit.forkedAt + 1,
    forks: credit.forks ?? 0,
    issuedNs,
    ...(credit.cancelAfterNs === undefined ? {} : { cancelAfterNs: credit.cancelAfterNs }),
  };
}

/** Wire to timing's envelope, at a worker; suite times become the worker's own. Throws `invalid_argument` on an empty message. */
export function envelopeOfResponse(response: CreditsResponse, clock: SuiteClock, receivedNs: number): Envelope<TimingMessage> {
  return { seq: Number(response.seq), ack: Number(response.ack), body: timingMessageOf(response.message, clock, receivedNs) };
}

function timingMessageOf(message: CreditsResponse["message"], clock: SuiteClock, receivedNs: number): TimingMessage {
  switch (message.case) {
    case "welcome": {
      const { timingIncarnation, recvSeq, renew, leaseNs, wantsFirstToken } = message.value;
      return { kind: "welcome", timingIncarnation, recvSeq: Number(recvSeq), renew: Number(renew), leaseNs, wantsFirstToken };
    }
    case "lease":
      return { kind: "lease", n: Number(message.value.n) };
    case "fenced":
      return { kind: "fenced", incarnation: message.value.incarnation, reason: message.value.reason };
    case "issue":
      return { kind: "issue", credits: message.value.credits.map((credit) => creditOf(credit, clock, receivedNs)) };
    case "slots":
      return { kind: "slots", limit: message.value.limit, epoch: Number(message.value.epoch) };
    case "recall":
      return {
        kind: "recall",
        recallId: Number(message.value.recallId),
        phase: message.value.phase,
        scope: scopeOf(message.value.what, clock),
        firstTurnsOnly: message.value.isFirstTurnsOnly,
      };
    case "cancel":
      return { kind: "cancel", phase: message.value.phase, reason: message.value.reason };
    case undefined:
      throw new AssayError("invalid_argument", "a credits message from timing is empty");
  }
}

function scopeOf(what: Recall["what"], clock: SuiteClock): RecallScope {
  switch (what.case) {
    case "count":
      return { kind: "count", count: Number(what.value) };
    case "dueAfterNs":
      return { kind: "due_after", dueAfterNs: clock.toLocal(what.value) };
    case "all":
    case undefined:
      return { kind: "all" };
  }
}

function creditOf(credit: WireCredit, clock: SuiteClock, receivedNs: number): Credit {
  return {
    id: Number(credit.creditId),
    phase: credit.phase,
    conversation: Number(credit.conversation),
    turn: credit.turn,
    turns: credit.turns,
    sessionId: Number(credit.session),
    parentSession: credit.parentSession === 0n ? undefined : Number(credit.parentSession) - 1,
    rootSession: credit.rootSession === 0n ? undefined : Number(credit.rootSession) - 1,
    agentDepth: credit.agentDepth === 0 ? undefined : credit.agentDepth,
    forkedAt: credit.forkedAt === 0 ? undefined : credit.forkedAt - 1,
    forks: credit.forks === 0 ? undefined : credit.forks,
    countsTowardTarget: !credit.isUncounted,
    dueNs: credit.dueNs === 0 ? 0 : clock.toLocal(credit.dueNs),
    cancelAfterNs: credit.cancelAfterNs,
    targetIndex: credit.target,
    maxOutputTokensOverride: credit.maxOutputTokens === 0 ? undefined : credit.maxOutputTokens,
    index: Number(credit.index),
    issuedNs: credit.issuedNs,
    receivedNs,
  };
}
