import { SequencedReceiver, SequencedSender } from "../../common/credit-sequence.ts";
import type { Envelope, Incarnation, TimingMessage, WorkerMessage } from "../../common/credits.ts";
import { type LeaseGuard, WorkerLease } from "./lease.ts";

/** A dial, or an answer to hello, that takes longer has failed. */
const DIAL_TIMEOUT_NS = 500e6;
const MIN_BACKOFF_NS = 50e6;
const MAX_BACKOFF_NS = 500e6;
/** A renewal unanswered for so long means that the stream is dead without having said so. */
const UNANSWERED_NS = 1.2e9;

export interface CreditLinkOptions {
  readonly version: number;
  readonly token: string;
  readonly runId: string;
  readonly workerId: string;
  readonly renewEveryNs: number;
  /** Connections that this worker can hold at once. Default: not known. */
  readonly maxConnections?: number | undefined;
  /** Uniform in [0, 1): the jitter of the backoff. */
  readonly random: () => number;
  /** Extends the lease while the loop is busy. Default: nobody does. */
  readonly guard?: LeaseGuard | undefined;
}

export interface CreditLinkOut {
  /** Open a stream; `dial` names it in all further calls. Whatever an earlier dial opened is ended by then. */
  readonly dial: (dial: number) => void;
  readonly endStream: (dial: number, reason: string) => void;
  readonly send: (envelope: Envelope<WorkerMessage>) => void;
}

/**
 * Where the connection is.
 * - waiting: for the backoff to pass.
 * - dialling: a stream is being opened.
 * - greeting: hello was said, welcome has not come.
 * - up: welcomed; everything unacked was resent.
 */
export type LinkState = "waiting" | "dialling" | "greeting" | "up";

/** The worker's end of the `Credits` stream of one incarnation, over all its dials. */
export class CreditLink {
  readonly incarnation: Incarnation;
  readonly lease: WorkerLease;
  readonly #options: CreditLinkOptions;
  readonly #out: CreditLinkOut;
  readonly #sender = new SequencedSender<WorkerMessage>();
  readonly #receiver = new SequencedReceiver();
  #state: LinkState = "waiting";
  #dial: number;
  #backoffNs = MIN_BACKOFF_NS;
  #actAtNs: number;
  #timingIncarnation: Incarnation = 0n;
  #wantsFirstToken = false;

  /** `dial`: the last one of the incarnation before, since dials are counted over the life of the process. */
  constructor(options: CreditLinkOptions, out: CreditLinkOut, of: { incarnation: Incarnation; dial: number }, now: number) {
    this.incarnation = of.incarnation;
    this.lease = new WorkerLease(options.guard);
    this.#options = options;
    this.#out = out;
    this.#dial = of.dial;
    this.#actAtNs = now;
  }

  get state(): LinkState {
    return this.#state;
  }

  get dial(): number {
    return this.#dial;
  }

  /** As the last welcome said. */
  get wantsFirstToken(): boolean {
    return this.#wantsFirstToken;
  }

  get recvSeq(): number {
    return this.#receiver.recvSeq;
  }

  get nextWakeNs(): number {
    return this.#actAtNs;
  }

  connected(now: number): void {
    if (this.#state !== "dialling") return;
    this.#state = "greeting";
    this.#actAtNs = now + DIAL_TIMEOUT_NS;
    this.lease.forgetAsked();
    const hello: WorkerMessage = {
      kind: "hello",
      version: this.#options.version,
      token: this.#options.token,
      runId: this.#options.runId,
      workerId: this.#options.workerId,
      incarnation: this.incarnation,
      timingIncarnation: this.#timingIncarnation,
      dial: this.#dial,
      recvSeq: this.#receiver.recvSeq,
      renew: this.lease.asks(now),
      maxConnections: this.#options.maxConnections ?? 0,
    };
    this.#out.send({ seq: 0, ack: this.#receiver.recvSeq, body: hello });
  }

  streamEnded(now: number): void {
    if (this.#state === "waiting") return;
    this.#state = "waiting";
    this.lease.forgetAsked();
    this.#actAtNs = now + this.#backoffNs * (0.5 + 0.5 * this.#options.random());
    this.#backoffNs = Math.min(MAX_BACKOFF_NS, this.#backoffNs * 2);
  }

  /** Gives the stream up and dials anew after the backoff. */
  redial(reason: string, now: number): void {
    if (this.#state === "waiting") return;
    this.#out.endStream(this.#dial, reason);
    this.streamEnded(now);
  }

  /**
   * Deals with welcome and lease, and with numbers. `handle`: the message is new, and counts as handled from here on.
   * `welcomed`: everything unacked was resent; renew at once.
   */
  accept(envelope: Envelope<TimingMessage>, now: number): "handle" | "welcomed" | "drop" {
    if (this.#state !== "greeting" && this.#state !== "up") return "drop";
    this.#sender.acked(envelope.ack);
    const { body } = envelope;
    switch (body.kind) {
      case "welcome":
        this.#welcomed(body, now);
        return "welcomed";
      case "lease":
        this.lease.answered(body.n);
        this.#signLife(now);
        return "drop";
      case "fenced":
        return body.incarnation === this.incarnation ? "handle" : "drop";
      default:
        break;
    }
    const verdict = this.#receiver.accept(envelope.seq);
    if (verdict !== "gap") return verdict;
    this.redial(`message ${envelope.seq} of timing after a gap`, now);
    return "drop";
  }

  /** Numbers the message, keeps it until handled, and sends it if the link is up. */
  send(body: WorkerMessage): void {
    const envelope = this.#sender.enclose(body, this.#receiver.recvSeq);
    if (this.#state === "up") this.#out.send(envelope);
  }

  isRenewalDue(now: number): boolean {
    return this.#state === "up" && now >= this.#actAtNs;
  }

  /** Asks for the lease; only while up, so that everything sequenced lies before it on the stream. */
  renew(unsent: number, now: number): void {
    if (this.#state !== "up") return;
    this.#actAtNs = now + this.#options.renewEveryNs;
    this.#out.send({ seq: 0, ack: this.#receiver.recvSeq, body: { kind: "renew", n: this.lease.asks(now), unsent } });
  }

  /** Dials when the backoff is over, gives up what does not answer. Returns true when it is time to renew. */
  advance(now: number): boolean {
    if (this.#state === "up" && now - this.lease.unansweredSinceNs >= UNANSWERED_NS) this.redial("timing does not answer", now);
    if (now < this.#actAtNs) return false;
    switch (this.#state) {
      case "waiting":
        this.#state = "dialling";
        this.#actAtNs = now + DIAL_TIMEOUT_NS;
        this.#out.dial(++this.#dial);
        return false;
      case "dialling":
      case "greeting":
        this.redial("no answer to the dial", now);
        return false;
      case "up":
        return true;
    }
  }

  /**
   * An answer was read, so the loop has come round since it was asked for. Asking alone says nothing: within one turn it is done again and
   * again, and nothing of it leaves.
   */
  #signLife(now: number): void {
    this.lease.signLife(this.incarnation, now);
  }

  #welcomed(welcome: TimingMessage & { kind: "welcome" }, now: number): void {
    this.#state = "up";
    this.#backoffNs = MIN_BACKOFF_NS;
    this.#actAtNs = now;
    this.#timingIncarnation = welcome.timingIncarnation;
    this.#wantsFirstToken = welcome.wantsFirstToken;
    this.lease.setLength(welcome.leaseNs);
    this.lease.answered(welcome.renew);
    this.#signLife(now);
    this.#sender.acked(welcome.recvSeq);
    for (const envelope of this.#sender.unacked()) this.#out.send(envelope);
  }
}
