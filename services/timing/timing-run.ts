/**
 * One run at timing: the core with its streams, its timer and its voice towards the controller. Everything that thinks is in
 * `core/`; here are sockets, the clock, and the translation of words.
 */
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RunEventSchema } from "../../gen/assay/controller/v1/controller_pb.js";
import type { MemberEvent, StopPhase } from "../../gen/assay/controller/v1/controller_service_pb.js";
import {
  PhaseStartedSchema,
  ReturningCompleteSchema,
  SendingCompleteSchema,
  WorkerLostSchema,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { PhaseAccountSchema, type TimingProgress, TimingProgressSchema } from "../../gen/assay/timing/v1/timing_pb.js";
import { type GetTimingStatsResponse, GetTimingStatsResponseSchema } from "../../gen/assay/timing/v1/timing_service_pb.js";
import { monotonicNs } from "../common/clock.ts";
import { envelopeOfRequest, responseBytes } from "../common/credit-codec.ts";
import { type Credit, type Hello, LEASE_TERMS } from "../common/credits.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { PhaseHistograms, PhaseLabel } from "../common/observe/counting.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import { WakeTimer } from "../common/wake-timer.ts";
import { wireRangesOf } from "../common/wire-ranges.ts";
import type { DatasetShape } from "./core/dataset-shape.ts";
import type { PhaseReport, TimingCore, TimingOut } from "./core/edge.ts";
import type { CreditCounts } from "./core/ledger.ts";
import type { LoadChange } from "./core/load-change.ts";
import { planPhase } from "./core/phase-plan.ts";
import { TargetLoads } from "./core/targets.ts";
import { createTimingCore } from "./core/timing.ts";

/** Messages come and go as bytes. */
export type CreditsStream = MessageStream<Buffer, Uint8Array>;

export interface TimingRunOptions {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly dataset: DatasetShape;
  readonly clock: SuiteClock;
  readonly log: Logger;
  /** Gets how late each credit with a due time is issued. Default: nobody asks. */
  readonly lateness?: PhaseHistograms;
  report(event: MemberEvent["event"]): void;
}

export type CreditTotals = Readonly<
  Record<"issued" | "outstanding" | "sent" | "unused" | "lost" | "dropped" | "lostWorkers" | "violations", number>
>;

export class TimingRun {
  private readonly options: TimingRunOptions;
  private readonly core: TimingCore;
  /** Undefined where there is nothing to choose. */
  private readonly loads: TargetLoads | undefined;
  private readonly streams = new Map<number, CreditsStream>();
  /**
   * The core advances from setImmediate, after everything that the sockets hold has been handed in: otherwise a long pause of this
   * process would look like the silence of every worker.
   */
  private readonly timer = new WakeTimer(() => setImmediate(() => this.wake()));
  private nextStreamId = 1;
  private sessionsBefore = 0;
  private violations = 0;
  private isClosed = false;

  constructor(options: TimingRunOptions) {
    this.options = options;
    const targets = options.spec.target?.urls.length ?? 1;
    this.loads = targets > 1 ? new TargetLoads(targets) : undefined;
    this.core = createTimingCore(
      {
        runId: options.runId,
        incarnation: randomBytes(8).readBigUInt64LE() | 1n,
        terms: LEASE_TERMS,
        wantsFirstToken: options.spec.phases.some(({ prefillConcurrency }) => prefillConcurrency !== undefined),
        loads: this.loads,
      },
      this.out(),
    );
    this.arm();
  }

  /** Takes a worker's stream whose first message was this hello. */
  accept(stream: CreditsStream, hello: Hello): void {
    const streamId = this.nextStreamId++;
    this.streams.set(streamId, stream);
    stream.onMessage((request) => {
      this.core.messageReceived(streamId, envelopeOfRequest(request), monotonicNs());
      this.arm();
    });
    stream.onClose(() => {
      if (!this.streams.delete(streamId) || this.isClosed) return;
      this.core.streamEnded(streamId, monotonicNs());
      this.arm();
    });
    if (hello.version !== protocolVersion) {
      throw new AssayError("failed_precondition", `protocol version ${hello.version} of the worker, ${protocolVersion} here`);
    }
    this.core.helloReceived(streamId, hello, monotonicNs());
    this.arm();
  }

  /** Throws `failed_precondition` where the lease may not be extended. */
  extendLease(workerId: string, incarnation: bigint): void {
    const isExtended = this.core.extendLease(workerId, incarnation, monotonicNs());
    this.arm();
    if (!isExtended) throw new AssayError("failed_precondition", `the lease of worker ${workerId} is not extended`);
  }

  startPhase(phase: number): void {
    const nowNs = monotonicNs();
    const plan = planPhase(this.options.spec, phase, this.options.dataset, this.sessionsBefore, this.loads);
    const localStartNs = this.core.startOf(plan, nowNs);
    const startNs = this.options.clock.toSuite(localStartNs);
    this.options.report({ case: "phaseStarted", value: create(PhaseStartedSchema, { phase, startNs }) });
    this.core.startPhase(plan, nowNs, localStartNs);
    this.arm();
  }

  /** `graceSec`: how long what is in flight may go on; unset: the phase's own grace. */
  stopPhase({ phase, reason, cancelInFlight, graceSec }: StopPhase): void {
    const nowNs = monotonicNs();
    if (cancelInFlight) this.core.cancelPhase(reason, nowNs, phase);
    else this.core.stopPhase(reason, nowNs, graceSec === undefined ? undefined : graceSec * 1e9, phase);
    this.arm();
  }

  /** Throws as `checkChange`. */
  adjustPhase(change: LoadChange): void {
    this.core.adjustPhase(change, monotonicNs());
    this.arm();
  }

  workerReaped(workerId: string): void {
    this.core.workerReaped(workerId, monotonicNs());
    this.arm();
  }

  progress(): TimingProgress[] {
    return this.core.stats().phases.map(({ phase, highestId, counts, askedPerSec }) =>
      create(TimingProgressSchema, {
        phase,
        lastDrawn: BigInt(highestId),
        drawn: BigInt(counts.drawn),
        sent: BigInt(counts.sent),
        unused: BigInt(counts.unused),
        lost: BigInt(counts.lost),
        dropped: BigInt(counts.dropped),
        ...(askedPerSec === undefined ? {} : { askedRatePerSec: askedPerSec }),
        // One phase issues at a time and ids are dense, so a phase's ids are one range.
        ranges: counts.drawn === 0 ? [] : [{ first: BigInt(highestId - counts.drawn + 1), last: BigInt(highestId) }],
      }),
    );
  }

  stats(): GetTimingStatsResponse {
    return create(GetTimingStatsResponseSchema, {
      phases: this.progress(),
      workers: this.core.stats().members.map((member) => ({
        workerId: member.workerId,
        slots: member.limit,
        countedSlots: member.counted,
        outstanding: BigInt(member.issued),
        isConnected: member.isConnected,
      })),
    });
  }

  get workers(): number {
    return this.streams.size;
  }

  /** Of all its phases. */
  counts(): CreditTotals {
    const { phases, lostWorkers, violations } = this.core.stats();
    const sum = (count: (counts: CreditCounts) => number): number =>
      phases.reduce((total, { counts }) => total + count(counts), 0);
    return {
      issued: sum(({ drawn, dropped }) => drawn - dropped),
      outstanding: sum(({ issued }) => issued),
      sent: sum(({ sent }) => sent),
      unused: sum(({ unused }) => unused),
      lost: sum(({ lost }) => lost),
      dropped: sum(({ dropped }) => dropped),
      lostWorkers,
      violations,
    };
  }

  close(): void {
    this.isClosed = true;
    this.timer.close();
    for (const stream of this.streams.values()) stream.end();
    this.streams.clear();
  }

  private out(): TimingOut {
    const { clock, log, report } = this.options;
    return {
      send: (streamId, envelope) => {
        if (envelope.body.kind === "issue") this.observeLateness(envelope.body.credits);
        this.streams.get(streamId)?.send(responseBytes(envelope, clock));
      },
      endStream: (streamId, code, message) => {
        const stream = this.streams.get(streamId);
        this.streams.delete(streamId);
        stream?.fail(new AssayError(code, message));
      },
      sendingComplete: (phase, nowNs, { stopReason: reason = "", sessions }) => {
        this.sessionsBefore += sessions;
        const value = create(SendingCompleteSchema, { phase, atNs: clock.toSuite(nowNs), reason });
        report({ case: "sendingComplete", value });
      },
      returningComplete: (phaseReport, nowNs) => this.returned(phaseReport, nowNs),
      workerLost: ({ workerId, reason, lostCredits }) => {
        log.warn("a worker is lost", { worker_id: workerId, reason, lost: lostCredits });
        report({ case: "workerLost", value: create(WorkerLostSchema, { workerId, reason, lost: BigInt(lostCredits) }) });
      },
      slotsUnplaced: ({ phase, concurrency, unplaced }) => {
        const name = this.options.spec.phases[phase]?.name ?? "";
        const message =
          `phase ${name}: ${unplaced} of ${concurrency} requests at once find no worker: those that are there ` +
          `have file descriptors for ${concurrency - unplaced} connections (--workers-max, ulimit -n)`;
        log.warn("a part of the load finds no worker", { phase: name, concurrency, unplaced });
        report({
          case: "note",
          value: create(RunEventSchema, { atNs: clock.now(), kind: "slots_unplaced", message, phase }),
        });
      },
      violation: (message) => {
        this.violations++;
        log.error("a worker broke the credit protocol", { violation: message });
        report({
          case: "note",
          value: create(RunEventSchema, { atNs: clock.now(), kind: "protocol_violation", message }),
        });
      },
    };
  }

  private returned({ account, abandonedTurns, queued }: PhaseReport, nowNs: number): void {
    const value = create(ReturningCompleteSchema, {
      atNs: this.options.clock.toSuite(nowNs),
      account: create(PhaseAccountSchema, {
        phase: account.phase,
        drawn: wireRangesOf(account.drawn),
        unused: wireRangesOf(account.unused),
        dropped: wireRangesOf(account.dropped),
        lost: wireRangesOf(account.lost),
        abandoned: BigInt(abandonedTurns),
        queued: BigInt(queued),
        strayReturns: BigInt(this.violations),
      }),
    });
    this.options.report({ case: "returningComplete", value });
  }

  private observeLateness(credits: readonly Credit[]): void {
    const { lateness, spec } = this.options;
    // In a closed loop nothing is due.
    if (lateness === undefined || (credits[0]?.dueNs ?? 0) === 0) return;
    const nowNs = monotonicNs();
    for (const { phase, dueNs } of credits) {
      const kind: PhaseLabel = spec.phases[phase]?.kind === PhaseKind.WARMUP ? "warmup" : "profiling";
      lateness.observe(kind, Math.max(0, nowNs - dueNs) / 1e9);
    }
  }

  private arm(): void {
    this.timer.at(this.core.nextWakeNs());
  }

  private wake(): void {
    if (this.isClosed) return;
    this.core.advance(monotonicNs());
    this.arm();
  }
}
