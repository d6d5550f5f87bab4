/** The worker's Credits stream: the core of `core/credit-worker.ts` with its sockets and its timer. */
import { randomBytes } from "node:crypto";
import { type MonotonicNs, monotonicNs, suspendedNs } from "../common/clock.ts";
import { envelopeOfResponse, requestBytes } from "../common/credit-codec.ts";
import { type Credit, LEASE_TERMS } from "../common/credits.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import { WakeTimer } from "../common/wake-timer.ts";
import {
  type CreditWorker,
  type CreditWorkerStats,
  createCreditWorker,
  type EndReason,
  type RequestEnd,
} from "./core/credit-worker.ts";

import type { LeaseGuard } from "./core/lease.ts";

/** Messages come and go as bytes. */
export type CreditsStream = MessageStream<Buffer, Uint8Array>;

export interface CreditClientOptions {
  readonly runId: string;
  readonly workerId: string;
  readonly clock: SuiteClock;
  readonly log: Logger;
  /** Connections that this worker can hold at once. Default: not known, or requests share connections. */
  readonly maxConnections?: number | undefined;
  /** Wakes more precisely than a timer, beside the timer. */
  startAlarm(wake: () => void): PacingAlarm;
  /** Extends the lease while the loop is busy, and is closed with the client. Default: nobody does. */
  readonly guard?: (LeaseGuard & { close(): void }) | undefined;
  dial(): CreditsStream;
  /** A credit has arrived; it will be fired later, or given back. */
  onHeld(credit: Credit): void;
  fire(credit: Credit): void;
  cancelInFlight(creditIds: readonly number[], reason: EndReason): void;
  /** Requests were in flight for this long after the lease was over. */
  onOverrun(overrunNs: number, inFlight: number): void;
}

/** What a request that is due is waited for with. */
export interface PacingAlarm {
  /** Resolves when it is as precise as it gets. */
  readonly ready: Promise<void>;
  /** Wakes at this moment of the monotonic clock, in place of any earlier one; Infinity: nothing to wake for. */
  at(ns: MonotonicNs): void;
  close(): void;
}

export class CreditClient {
  private readonly options: CreditClientOptions;
  private readonly core: CreditWorker;
  private readonly leased = Promise.withResolvers<void>();
  private stream: CreditsStream | undefined;
  private readonly timer = new WakeTimer(() => this.wake());
  private readonly alarm: PacingAlarm;
  private isFlushing = false;
  private isClosed = false;

  constructor(options: CreditClientOptions) {
    this.options = options;
    const { runId, workerId, log } = options;
    this.alarm = options.startAlarm(() => this.wake());
    this.core = createCreditWorker(
      {
        version: protocolVersion,
        token: "",
        runId,
        workerId,
        renewEveryNs: LEASE_TERMS.renewEveryNs,
        maxConnections: options.maxConnections,
        random: Math.random,
        newIncarnation: () => randomBytes(8).readBigUInt64LE() | 1n,
        clock: monotonicNs,
        guard: options.guard,
      },
      {
        fire: (credit) => options.fire(credit),
        cancelInFlight: (creditIds, reason) => options.cancelInFlight(creditIds, reason),
        send: (envelope) => {
          this.stream?.send(requestBytes(envelope));
        },
        wantDial: (dial) => this.dial(dial),
        endStream: () => this.endStream(),
        leaseOverrun: (overrunNs, inFlight) => options.onOverrun(overrunNs, inFlight),
        fenced: (reason) => log.warn("timing has declared this worker lost", { reason }),
      },
    );
    this.core.start(monotonicNs());
    this.arm();
  }

  /** Resolves once timing has given a lease and the alarm stands. */
  get ready(): Promise<unknown> {
    return Promise.all([this.leased.promise, this.alarm.ready]);
  }

  stats(): CreditWorkerStats {
    return this.core.stats();
  }

  /** Whether the request of a fired credit may still be written; asked right before the write. */
  mayWrite(creditId: number): boolean {
    return this.core.mayWrite(creditId);
  }

  /** While paused nothing is fired; what is held can still be recalled. */
  setPaused(isPaused: boolean): void {
    this.core.setPaused(isPaused, monotonicNs());
    this.arm();
  }

  /** Timing wants to hear of first tokens. */
  get wantsFirstToken(): boolean {
    return this.core.wantsFirstToken;
  }

  /** The first content of a fired credit's answer has come. Told as returns are. */
  firstToken(creditId: number): void {
    this.core.firstToken(creditId);
    this.flushSoon();
  }

  /** A fired credit's request is over. Returns are told once per turn of the event loop. */
  ended(creditId: number, end: RequestEnd): void {
    this.core.requestEnded(creditId, end, monotonicNs());
    this.flushSoon();
  }

  private flushSoon(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    setImmediate(() => {
      this.isFlushing = false;
      this.core.flushReturns();
      this.arm();
    });
  }

  close(): void {
    this.isClosed = true;
    this.timer.close();
    this.alarm.close();
    this.options.guard?.close();
    this.endStream();
  }

  private dial(dial: number): void {
    this.endStream();
    const stream = this.options.dial();
    this.stream = stream;
    stream.onMessage((response) => {
      if (this.stream !== stream) return;
      const nowNs = monotonicNs();
      const envelope = envelopeOfResponse(response, this.options.clock, nowNs);
      if (envelope.body.kind === "issue") for (const credit of envelope.body.credits) this.options.onHeld(credit);
      this.core.messageReceived(dial, envelope, nowNs);
      if (envelope.body.kind === "welcome") this.leased.resolve();
      this.arm();
    });
    stream.onClose((error) => {
      if (this.stream === stream) this.stream = undefined;
      if (this.isClosed) return;
      if (error !== undefined) this.options.log.debug("the stream to timing ended", { error: error.message });
      this.core.streamEnded(dial, monotonicNs());
      this.arm();
    });
    // The core is calling: it may be told only when it has returned.
    queueMicrotask(() => {
      if (this.stream !== stream || this.isClosed) return;
      this.core.connected(dial, monotonicNs());
      this.arm();
    });
  }

  private endStream(): void {
    const stream = this.stream;
    this.stream = undefined;
    stream?.fail(new AssayError("cancelled", "the worker ends this stream"));
  }

  private arm(): void {
    this.timer.at(this.core.nextWakeNs());
    this.alarm.at(this.core.nextDueNs());
  }

  private wake(): void {
    if (this.isClosed) return;
    this.core.advance(monotonicNs(), suspendedNs());
    this.arm();
  }
}
