import { SequencedReceiver, SequencedSender } from "../../common/credit-sequence.ts";
import type { Envelope, Hello, Incarnation, LeaseTerms, TimingMessage, WorkerMessage } from "../../common/credits.ts";
import { TimingLease } from "./lease.ts";

/** Names a stream towards whoever owns the sockets; never reused within a process. */
export type StreamId = number;

/** A worker that was not heard of for so long gets no further credits; it keeps what it has. */
const SILENT_AFTER_NS = 1.2e9;

export interface WorkerLinkOptions {
  readonly workerId: string;
  readonly incarnation: Incarnation;
  readonly terms: LeaseTerms;
  /** The incarnation of this timing process. */
  readonly timingIncarnation: Incarnation;
  /** The worker is asked to tell of first tokens. */
  readonly wantsFirstToken: boolean;
  readonly send: (streamId: StreamId, envelope: Envelope<TimingMessage>) => void;
}

/**
 * Timing's end of the `Credits` stream of one worker incarnation, over all its dials: numbering, resending, the lease, and what
 * the worker last said it holds.
 */
export class WorkerLink {
  readonly workerId: string;
  readonly incarnation: Incarnation;
  readonly lease: TimingLease;
  readonly #options: WorkerLinkOptions;
  readonly #sender = new SequencedSender<TimingMessage>();
  readonly #receiver = new SequencedReceiver();
  #streamId: StreamId | undefined;
  #dial = 0;
  #heardNs: number;
  #lastIssueSeq = 0;
  #reportedAck = 0;
  #reportedUnsent = 0;
  #isAnswering = true;

  constructor(options: WorkerLinkOptions, now: number) {
    this.workerId = options.workerId;
    this.incarnation = options.incarnation;
    this.lease = new TimingLease(options.terms, now);
    this.#options = options;
    this.#heardNs = now;
  }

  /** The stream in use, undefined while cut off. */
  get streamId(): StreamId | undefined {
    return this.#streamId;
  }

  /** False once timing wants to be rid of the worker: its renewals go unanswered, so that its lease ends. */
  get isAnswering(): boolean {
    return this.#isAnswering;
  }

  /** The worker has handled every issued credit message and said that it holds nothing unsent. */
  get holdsNothing(): boolean {
    return this.#reportedUnsent === 0 && this.#reportedAck >= this.#lastIssueSeq;
  }

  /** Credits may be issued to it: connected, heard of lately, and wanted. */
  isReachable(now: number): boolean {
    return this.#streamId !== undefined && this.#isAnswering && now - this.#heardNs < SILENT_AFTER_NS;
  }

  /**
   * A dial of this incarnation: takes the stream's place, answers, resends. Returns false, changing nothing, when a later dial
   * was handled before or timing wants to be rid of the worker.
   */
  helloReceived(streamId: StreamId, hello: Hello, now: number): boolean {
    if (hello.dial <= this.#dial || !this.#isAnswering) return false;
    this.#dial = hello.dial;
    this.#streamId = streamId;
    this.#heardNs = now;
    this.lease.renewed(now);
    this.#sender.acked(hello.recvSeq);
    this.#sendUnsequenced({
      kind: "welcome",
      timingIncarnation: this.#options.timingIncarnation,
      recvSeq: this.#receiver.recvSeq,
      renew: hello.renew,
      leaseNs: this.#options.terms.workerLeaseNs,
      wantsFirstToken: this.#options.wantsFirstToken,
    });
    for (const envelope of this.#sender.unacked()) this.#options.send(streamId, envelope);
    return true;
  }

  /** What to do with a message that came on the stream in use: see `SequencedReceiver`. Renewals are dealt with here. */
  accept(envelope: Envelope<WorkerMessage>, now: number): "handle" | "drop" | "gap" {
    this.#heardNs = now;
    this.#sender.acked(envelope.ack);
    if (envelope.body.kind === "renew") {
      this.reported(envelope.ack, envelope.body.unsent);
      if (this.#isAnswering) {
        this.lease.renewed(now);
        this.#sendUnsequenced({ kind: "lease", n: envelope.body.n });
      }
      return "drop";
    }
    return this.#receiver.accept(envelope.seq);
  }

  /** Asked beside the stream, which stands but is silent. False: nothing is extended. */
  extendLease(now: number): boolean {
    if (this.#streamId === undefined || !this.#isAnswering) return false;
    this.lease.renewed(now);
    return true;
  }

  /** The worker said, with this ack, how many credits it holds unsent. To be called after what the message returned was handled. */
  reported(ack: number, unsent: number): void {
    this.#reportedAck = ack;
    this.#reportedUnsent = unsent;
  }

  /** Numbers the message, keeps it until handled, and sends it if there is a stream. */
  send(message: TimingMessage): void {
    const envelope = this.#sender.enclose(message, this.#receiver.recvSeq);
    if (message.kind === "issue") this.#lastIssueSeq = envelope.seq;
    if (this.#streamId !== undefined) this.#options.send(this.#streamId, envelope);
  }

  /** Tells the incarnation that it is over, if there is a stream; returns that stream, to be ended. */
  fence(reason: string): StreamId | undefined {
    this.#sendUnsequenced({ kind: "fenced", incarnation: this.incarnation, reason });
    return this.#streamId;
  }

  stopAnswering(): void {
    this.#isAnswering = false;
  }

  streamEnded(): void {
    this.#streamId = undefined;
  }

  #sendUnsequenced(message: TimingMessage): void {
    if (this.#streamId === undefined) return;
    this.#options.send(this.#streamId, { seq: 0, ack: this.#receiver.recvSeq, body: message });
  }
}
