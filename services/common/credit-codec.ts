/**
 * The Credits stream between its proto and the domain words of `credits.ts`; the one place that converts. Suite time and a
 * host's own clock meet here: timing writes suite time, a worker reads its own.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ReturnKind, type Credit as WireCredit } from "../../gen/assay/timing/v1/timing_pb.js";
import {
  type CreditsRequest,
  CreditsRequestSchema,
  type CreditsResponse,
  CreditsResponseSchema,
  type Recall,
} from "../../gen/assay/timing/v1/timing_service_pb.js";
import { missOf, readIssue, readReturned, writeIssue, writeReturned } from "./credit-wire.ts";
import type { Credit, CreditReturn, Envelope, RecallScope, TimingMessage, WorkerMessage } from "./credits.ts";
import { AssayError } from "./errors.ts";
import type { SuiteClock } from "./member/suite-clock.ts";
import { readMessage } from "./wire.ts";

type RequestInit = MessageInitShape<typeof CreditsRequestSchema>;
type ResponseInit = MessageInitShape<typeof CreditsResponseSchema>;

/** How a worker's client speaks the stream: in bytes. */
export const workerCreditsCodecs = {
  credits: { requestSerialize: (bytes: Uint8Array) => bytes, responseDeserialize: (bytes: Buffer) => bytes },
};

/** How timing serves it. */
export const timingCreditsCodecs = {
  credits: { requestDeserialize: (bytes: Buffer) => bytes, responseSerialize: (bytes: Uint8Array) => bytes },
};

/** Worker's envelope to the bytes of a `CreditsRequest`. */
export function requestBytes({ seq, ack, body }: Envelope<WorkerMessage>): Uint8Array {
  if (body.kind === "returned") return writeReturned({ seq, ack, body });
  const request: RequestInit = { seq: BigInt(seq), ack: BigInt(ack), message: requestMessageOf(body) };
  return toBinary(CreditsRequestSchema, create(CreditsRequestSchema, request));
}

function requestMessageOf(body: Exclude<WorkerMessage, { kind: "returned" }>): NonNullable<RequestInit["message"]> {
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
          maxConnections: body.maxConnections,
        },
      };
    case "renew":
      return { case: "renew", value: { n: BigInt(body.n), unsent: BigInt(body.unsent) } };
    case "first_token":
      return { case: "firstToken", value: { creditIds: body.creditIds.map(BigInt) } };
    case "slots_ack":
      return { case: "slotsAck", value: { epoch: BigInt(body.epoch) } };
    case "recall_done":
      return { case: "recallDone", value: { recallId: BigInt(body.recallId), count: BigInt(body.count) } };
  }
}

/**
 * Bytes of a `CreditsRequest` to worker's envelope, at timing. The token is the stream's metadata, checked before. Throws
 * `invalid_argument` on an empty message and on bytes that are none.
 */
export function envelopeOfRequest(bytes: Buffer): Envelope<WorkerMessage> {
  const returned = readReturned(bytes);
  if (returned !== undefined) return returned;
  const request = readMessage(CreditsRequestSchema, bytes);
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
        maxConnections: value.maxConnections,
      };
    }
    case "renew":
      return { kind: "renew", n: Number(message.value.n), unsent: Number(message.value.unsent) };
    case "returned":
      return {
        kind: "returned",
        unsent: Number(message.value.unsent),
        returns: message.value.returns.map(({ creditId, kind, isSessionOver, miss: wireMiss }): CreditReturn => {
          const miss = missOf(wireMiss);
          return {
            creditId: Number(creditId),
            use: kind === ReturnKind.SENT ? "sent" : "unused",
            sessionOver: isSessionOver,
            ...(miss === undefined ? {} : { miss }),
          };
        }),
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

/** Timing's envelope to the bytes of a `CreditsResponse`; times of timing's own clock become suite time. */
export function responseBytes({ seq, ack, body }: Envelope<TimingMessage>, clock: SuiteClock): Uint8Array {
  if (body.kind === "issue") return writeIssue({ seq, ack, body }, clock.now(), clock);
  const response: ResponseInit = { seq: BigInt(seq), ack: BigInt(ack), message: responseMessageOf(body, clock) };
  return toBinary(CreditsResponseSchema, create(CreditsResponseSchema, response));
}

function responseMessageOf(
  body: Exclude<TimingMessage, { kind: "issue" }>,
  clock: SuiteClock,
): NonNullable<ResponseInit["message"]> {
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

/** Bytes of a `CreditsResponse` to timing's envelope, at a worker; suite times become the worker's own. Throws as `envelopeOfRequest`. */
export function envelopeOfResponse(bytes: Buffer, clock: SuiteClock, receivedNs: number): Envelope<TimingMessage> {
  const issue = readIssue(bytes, clock, receivedNs);
  if (issue !== undefined) return issue;
  const response = readMessage(CreditsResponseSchema, bytes);
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
