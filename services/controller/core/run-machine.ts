/**
 * The life of a run as a pure machine: facts in, commands out. It decides; the controller's edge talks to the services. Every wait
 * has a deadline and a message that says who is missing.
 */

/**
 * - created: accepted, nothing begun.
 * - configuring: dataset, workers, target, telemetry and clocks are being made ready, all at once.
 * - ready: everything that must be there is; the first phase is about to begin.
 * - running: a phase is issuing.
 * - draining: nothing more is issued; credits come back, records are committed, accounts are closed.
 * - processing: final statistics and exports are being made from the rows. How the run ends is decided: the files say it.
 * - completed, failed, cancelled: over; what was committed is there in each case.
 */
export type RunState =
  | "created"
  | "configuring"
  | "ready"
  | "running"
  | "draining"
  | "processing"
  | "completed"
  | "failed"
  | "cancelled";

/** What must be there before the first request. `telemetry` is wanted, not needed: without it the run goes on, with a note. */
export type BarrierName = "dataset" | "workers" | "target" | "telemetry" | "clocks";

export interface BarrierSpec {
  readonly name: BarrierName;
  /** Everybody who has to say so. Workers whose names are not known beforehand are `count`ed instead. */
  readonly members: readonly string[];
  readonly count?: number;
  readonly timeoutNs: number;
}

export interface PhasePlan {
  readonly name: string;
  /** Undefined for a phase that ends by a count alone: then sending has no bound but the request timeout. */
  readonly durationNs: number | undefined;
  /** May be Infinity. */
  readonly graceNs: number;
  /** Its requests are what the run is for; a run without such phases is for those of all. */
  readonly isMeasured: boolean;
  /** Some of its requests are given up on purpose: a phase of which all are has not failed by that. Default: false. */
  readonly cancelsOnPurpose?: boolean;
  /** The next phase begins when this one is sent, not when all of it has come back. Default: false. */
  readonly isSeamless?: boolean;
}

/** What became of a phase's requests. */
export interface PhaseResult {
  readonly succeeded: number;
  readonly errored: number;
  readonly cancelled: number;
}

export interface RunPlan {
  readonly barriers: readonly BarrierSpec[];
  readonly phases: readonly PhasePlan[];
  /** Longest that statistics and exports may take. */
  readonly processingTimeoutNs: number;
  readonly bounds: RunBounds;
}

/** The bounds of the steps that end a phase; the machine waits for `marginNs` more before it calls a service silent. */
export interface RunBounds {
  /** From a phase's stop to sending complete, and from the end of the grace to returning complete: 2 s and timing's lease. */
  readonly answerNs: number;
  /** From the account to records complete. */
  readonly recordsNs: number;
  readonly marginNs: number;
  /** Longest that a stopped run waits for what is in flight, where the phase's own grace is longer. */
  readonly cancelGraceNs: number;
  /** From timing's death until every worker has certainly stopped and its outbox has had time to empty; less where they say so themselves. */
  readonly leaseOverNs: number;
}

export const RUN_BOUNDS: RunBounds = { answerNs: 7e9, recordsNs: 30e9, marginNs: 10e9, cancelGraceNs: 30e9, leaseOverNs: 6e9 };

/** What the controller's edge has to do. */
export type RunCommand<Account, Heartbeat> =
  /** Begin everything that this barrier waits for. */
  | { readonly kind: "prepare"; readonly barrier: BarrierName }
  | { readonly kind: "start_phase"; readonly phase: number }
  | { readonly kind: "stop_phase"; readonly phase: number; readonly reason: string }
  /** To the records manager, again and again until `phaseClosed`. */
  | { readonly kind: "hand_over_account"; readonly phase: number; readonly account: Account }
  /** Timing's account will not come: close from the rows and the last heartbeat, if there was one. */
  | { readonly kind: "close_from_rows"; readonly phase: number; readonly heartbeat: Heartbeat | undefined }
  /** Final statistics and exports; then `processed`. */
  | { readonly kind: "process" }
  /** The run is over; release its members. `reason` is empty for a completed run. */
  | { readonly kind: "finish"; readonly state: "completed" | "failed" | "cancelled"; readonly reason: string };

export interface RunOut<Account, Heartbeat> {
  readonly command: (command: RunCommand<Account, Heartbeat>) => void;
  readonly stateChanged: (state: RunState, phase: number | undefined) => void;
  /** Something that does not end the run and belongs into its result. */
  readonly noted: (message: string) => void;
}

export interface RunMachine<Account, Heartbeat> {
  readonly state: RunState;
  /** How the run will end, as things stand; `reason` is empty for a completed one. */
  readonly outcome: { readonly state: "completed" | "failed" | "cancelled"; readonly reason: string };
  start(now: number): void;
  /** `member` of a barrier is ready. */
  ready(barrier: BarrierName, member: string, now: number): void;
  /** `member` can never get ready: the run fails, or goes on without telemetry. */
  unready(barrier: BarrierName, member: string, message: string, now: number): void;
  timingHeartbeat(phase: number, heartbeat: Heartbeat): void;
  sendingComplete(phase: number, now: number): void;
  returningComplete(phase: number, account: Account, now: number): void;
  /** The records manager has closed the phase, and that is committed. Without a result nobody can say that all requests failed. */
  phaseClosed(phase: number, result: PhaseResult | undefined, now: number): void;
  processed(now: number): void;
  processingFailed(message: string, now: number): void;
  /** A service that the run cannot do without is gone for good, with everything that only it knew. */
  timingDied(message: string, now: number): void;
  recordsManagerDied(message: string, now: number): void;
  /** Whether timing is dead and workers may still have something for the rows, for so long as their leases may last. */
  readonly awaitsWorkers: boolean;
  /** No worker has a lease, a request or a record that is not committed: the rows are final where only these were waited for. */
  workersAtRest(now: number): void;
  /** No worker is left and none will be started again. */
  workersExhausted(message: string, now: number): void;
  /** What the run is for has been decided: its phases stop, none follows, and it ends as completed with what there is. */
  endEarly(reason: string, now: number): void;
  /** Once: stop, drain, export; nothing where the results are being made. Twice: leave at once. */
  cancel(now: number): void;
  advance(now: number): void;
  /** When to call `advance`; Infinity when no deadline runs. */
  nextWakeNs(): number;
}

export function createRunMachine<Account, Heartbeat>(
  plan: RunPlan,
  out: RunOut<Account, Heartbeat>,
): RunMachine<Account, Heartbeat> {
  return new Machine(plan, out);
}

interface Barrier {
  readonly spec: BarrierSpec;
  readonly missing: Set<string>;
  readonly present: Set<string>;
  readonly deadlineNs: number;
  isOpen: boolean;
}

/** Where one phase is; each deadline is Infinity until its step begins. */
interface PhaseProgress {
  isSent: boolean;
  isReturned: boolean;
  isClosed: boolean;
  /** When its duration is over; −Infinity: it has none, or was stopped. */
  endNs: number;
  graceNs: number;
  deadlineNs: number;
  recordsDeadlineNs: number;
}

class Machine<Account, Heartbeat> implements RunMachine<Account, Heartbeat> {
  readonly #plan: RunPlan;
  readonly #out: RunOut<Account, Heartbeat>;
  readonly #barriers: Barrier[] = [];
  readonly #phases: PhaseProgress[] = [];
  readonly #heartbeats = new Map<number, Heartbeat>();
  readonly #results = new Map<number, PhaseResult>();
  #state: RunState = "created";
  #outcome: "completed" | "failed" | "cancelled" = "completed";
  #reason = "";
  #isTimingDead = false;
  #isCancelAsked = false;
  #isCutShort = false;
  #closeFromRowsNs = Number.POSITIVE_INFINITY;
  #processingDeadlineNs = Number.POSITIVE_INFINITY;

  constructor(plan: RunPlan, out: RunOut<Account, Heartbeat>) {
    this.#plan = plan;
    this.#out = out;
  }

  get state(): RunState {
    return this.#state;
  }

  get outcome(): { readonly state: "completed" | "failed" | "cancelled"; readonly reason: string } {
    return { state: this.#outcome, reason: this.#reason };
  }

  start(now: number): void {
    if (this.#state !== "created") return;
    this.#enter("configuring");
    for (const spec of this.#plan.barriers) {
      this.#barriers.push({
        spec,
        missing: new Set(spec.members),
        present: new Set(),
        deadlineNs: now + spec.timeoutNs,
        isOpen: false,
      });
    }
    for (const { spec } of this.#barriers) this.#out.command({ kind: "prepare", barrier: spec.name });
    this.#openBarriers(now);
  }

  ready(name: BarrierName, member: string, now: number): void {
    const barrier = this.#barrier(name);
    if (barrier === undefined) return;
    barrier.present.add(member);
    barrier.missing.delete(member);
    this.#openBarriers(now);
  }

  unready(name: BarrierName, member: string, message: string, now: number): void {
    const barrier = this.#barrier(name);
    if (barrier === undefined) return;
    this.#giveUp(barrier, `${name} not ready: ${member === name ? "" : `${member}: `}${message}`, now);
  }

  timingHeartbeat(phase: number, heartbeat: Heartbeat): void {
    this.#heartbeats.set(phase, heartbeat);
  }

  sendingComplete(phase: number, now: number): void {
    const progress = this.#phases[phase];
    if (progress === undefined || progress.isSent || this.#isTimingDead || this.#isOver) return;
    progress.isSent = true;
    // What is sent before its duration is over has its grace after that.
    const overNs = Math.max(now, progress.endNs);
    progress.deadlineNs = overNs + progress.graceNs + this.#plan.bounds.answerNs + this.#plan.bounds.marginNs;
    if (phase === this.#plan.phases.length - 1 && this.#state === "running") this.#enter("draining", phase);
    if (this.#phaseOf(phase).isSeamless === true) this.#startAfter(phase, now);
  }

  returningComplete(phase: number, account: Account, now: number): void {
    const progress = this.#phases[phase];
    if (progress === undefined || progress.isReturned || this.#isTimingDead || this.#isOver) return;
    progress.isSent = true;
    progress.isReturned = true;
    progress.deadlineNs = Number.POSITIVE_INFINITY;
    progress.recordsDeadlineNs = now + this.#plan.bounds.recordsNs + this.#plan.bounds.marginNs;
    this.#out.command({ kind: "hand_over_account", phase, account });
    this.#startAfter(phase, now);
    this.#settle(now);
  }

  phaseClosed(phase: number, result: PhaseResult | undefined, now: number): void {
    const progress = this.#phases[phase];
    // Nothing is closed before its account was handed over.
    if (progress === undefined || !progress.isReturned || this.#isOver) return;
    progress.isClosed = true;
    if (result !== undefined) this.#results.set(phase, result);
    progress.recordsDeadlineNs = Number.POSITIVE_INFINITY;
    this.#settle(now);
  }

  processed(_now: number): void {
    if (this.#state === "processing") this.#finish(this.#outcome, this.#reason);
  }

  processingFailed(message: string, _now: number): void {
    if (this.#state === "processing") this.#finish("failed", joined(this.#reason, `processing: ${message}`));
  }

  timingDied(message: string, now: number): void {
    if (this.#isOver || this.#isTimingDead) return;
    this.#isTimingDead = true;
    this.#failDraining(`timing is gone: ${message}`, now);
  }

  get awaitsWorkers(): boolean {
    return !this.#isOver && this.#closeFromRowsNs < Number.POSITIVE_INFINITY;
  }

  workersAtRest(now: number): void {
    if (this.awaitsWorkers) this.#closeFromRows(now);
  }

  recordsManagerDied(message: string, _now: number): void {
    if (!this.#isOver) this.#finish("failed", joined(this.#reason, `records-manager is gone: ${message}`));
  }

  workersExhausted(message: string, now: number): void {
    if (this.#isOver || this.#state === "processing" || this.#outcome === "failed") return;
    if (!this.#isUnderWay) {
      this.#finish("failed", `no worker left: ${message}`);
      return;
    }
    this.#outcome = "failed";
    this.#reason = `no worker left: ${message}`;
    this.#stopPhases("no worker left", now);
  }

  endEarly(reason: string, now: number): void {
    const isUseful = this.#state === "running" || this.#state === "draining";
    if (!isUseful || this.#isCutShort || this.#outcome !== "completed") return;
    this.#isCutShort = true;
    this.#stopPhases(reason, now);
  }

  cancel(now: number): void {
    if (this.#isOver) return;
    if (this.#isCancelAsked || !this.#isUnderWay) {
      if (this.#outcome === "failed" || this.#state === "processing") this.#finish(this.#outcome, this.#reason);
      else this.#finish("cancelled", "cancelled by the user");
      return;
    }
    this.#isCancelAsked = true;
    if (this.#state === "processing") return;
    if (this.#outcome === "completed") {
      this.#outcome = "cancelled";
      this.#reason = "cancelled by the user";
    }
    this.#stopPhases("cancelled by the user", now);
  }

  advance(now: number): void {
    if (this.#isOver) return;
    for (const barrier of this.#barriers) {
      if (this.#state === "configuring" && !barrier.isOpen && now >= barrier.deadlineNs) {
        this.#giveUp(barrier, `${barrier.spec.name} not ready in time: ${missingOf(barrier)}`, now);
      }
    }
    for (const [phase, progress] of this.#phases.entries()) this.#checkPhase(phase, progress, now);
    if (now >= this.#closeFromRowsNs && !this.#isOver) this.#closeFromRows(now);
    if (this.#state === "processing" && now >= this.#processingDeadlineNs) {
      this.#finish("failed", joined(this.#reason, "processing: statistics and exports were not done in time"));
    }
  }

  nextWakeNs(): number {
    if (this.#isOver) return Number.POSITIVE_INFINITY;
    const deadlines = [this.#closeFromRowsNs, this.#processingDeadlineNs];
    if (this.#state === "configuring") {
      for (const barrier of this.#barriers) if (!barrier.isOpen) deadlines.push(barrier.deadlineNs);
    }
    for (const { deadlineNs, recordsDeadlineNs } of this.#phases) deadlines.push(deadlineNs, recordsDeadlineNs);
    return Math.min(...deadlines);
  }

  get #isOver(): boolean {
    return this.#state === "completed" || this.#state === "failed" || this.#state === "cancelled";
  }

  /** A phase has begun: there may be rows. */
  get #isUnderWay(): boolean {
    return this.#state === "running" || this.#state === "draining" || this.#state === "processing";
  }

  #enter(state: RunState, phase?: number): void {
    this.#state = state;
    this.#out.stateChanged(state, phase);
  }

  #finish(state: "completed" | "failed" | "cancelled", reason: string): void {
    this.#enter(state);
    this.#out.command({ kind: "finish", state, reason });
  }

  #barrier(name: BarrierName): Barrier | undefined {
    if (this.#state !== "configuring") return undefined;
    return this.#barriers.find(({ spec, isOpen }) => spec.name === name && !isOpen);
  }

  #openBarriers(now: number): void {
    for (const barrier of this.#barriers) {
      barrier.isOpen ||= barrier.missing.size === 0 && barrier.present.size >= (barrier.spec.count ?? 0);
    }
    if (this.#state !== "configuring" || this.#barriers.some(({ isOpen }) => !isOpen)) return;
    this.#enter("ready");
    if (this.#plan.phases.length > 0) this.#startPhase(0, now);
    else this.#settle(now);
  }

  #giveUp(barrier: Barrier, message: string, now: number): void {
    if (barrier.spec.name !== "telemetry") {
      this.#finish("failed", message);
      return;
    }
    this.#out.noted(message);
    barrier.isOpen = true;
    this.#openBarriers(now);
  }

  #phaseOf(phase: number): PhasePlan {
    return this.#plan.phases[phase] as PhasePlan;
  }

  /** Begins the phase after this one, unless there is none, it runs already, or the run is to end. */
  #startAfter(phase: number, now: number): void {
    const isWanted = this.#outcome === "completed" && !this.#isCutShort;
    const next = phase + 1;
    if (isWanted && next === this.#phases.length && next < this.#plan.phases.length) this.#startPhase(next, now);
  }

  #startPhase(phase: number, now: number): void {
    const { durationNs, graceNs } = this.#phaseOf(phase);
    const { answerNs, marginNs } = this.#plan.bounds;
    this.#phases[phase] = {
      isSent: false,
      isReturned: false,
      isClosed: false,
      endNs: durationNs === undefined ? Number.NEGATIVE_INFINITY : now + durationNs,
      graceNs,
      deadlineNs: now + (durationNs ?? Number.POSITIVE_INFINITY) + answerNs + marginNs,
      recordsDeadlineNs: Number.POSITIVE_INFINITY,
    };
    this.#enter("running", phase);
    this.#out.command({ kind: "start_phase", phase });
  }

  #stopPhases(reason: string, now: number): void {
    // Without timing there is nobody to tell; the workers' leases end it.
    if (this.#isTimingDead) return;
    const { answerNs, marginNs, cancelGraceNs } = this.#plan.bounds;
    for (const [phase, progress] of this.#phases.entries()) {
      if (progress.isReturned) continue;
      progress.endNs = Number.NEGATIVE_INFINITY;
      progress.graceNs = Math.min(progress.graceNs, cancelGraceNs);
      const stepNs = answerNs + marginNs + (progress.isSent ? progress.graceNs : 0);
      progress.deadlineNs = Math.min(progress.isSent ? progress.deadlineNs : Number.POSITIVE_INFINITY, now + stepNs);
      this.#out.command({ kind: "stop_phase", phase, reason });
    }
    if (this.#state === "running") this.#enter("draining", this.#phases.length - 1);
    this.#settle(now);
  }

  /** When nothing of any phase is outstanding, the rows are final. */
  #settle(now: number): void {
    if (this.#state === "processing" || this.#isOver) return;
    const isLast = this.#phases.length === this.#plan.phases.length || this.#isCutShort || this.#outcome !== "completed";
    if (!isLast || this.#phases.some(({ isClosed }) => !isClosed)) return;
    if (this.#outcome === "completed") this.#judgeResults();
    this.#enter("processing");
    this.#processingDeadlineNs = now + this.#plan.processingTimeoutNs;
    this.#out.command({ kind: "process" });
  }

  /** A run of which nothing that was measured succeeded has failed, however orderly it ended. */
  #judgeResults(): void {
    const indices = [...this.#plan.phases.keys()];
    const measured = indices.filter((phase) => this.#phaseOf(phase).isMeasured);
    const judged = (measured.length > 0 ? measured : indices).filter((phase) => this.#phases[phase] !== undefined);
    const results = judged.map((phase) => this.#results.get(phase));
    const known = results.filter((result) => result !== undefined);
    if (known.length === 0 || known.length < results.length || known.some(({ succeeded }) => succeeded > 0)) return;
    if (judged.some((phase) => this.#isCancelledOnPurpose(phase))) return;
    this.#outcome = "failed";
    this.#reason = nothingSucceeded(known);
  }

  #isCancelledOnPurpose(phase: number): boolean {
    const { errored = 0, cancelled = 0 } = this.#results.get(phase) ?? {};
    return this.#phaseOf(phase).cancelsOnPurpose === true && errored === 0 && cancelled > 0;
  }

  #checkPhase(phase: number, progress: PhaseProgress, now: number): void {
    if (this.#isOver) return;
    const { name } = this.#phaseOf(phase);
    if (!progress.isReturned && now >= progress.deadlineNs) {
      this.timingDied(`silent about ${progress.isSent ? "returning" : "sending"} complete of phase ${name}`, now);
    }
    if (!progress.isClosed && now >= progress.recordsDeadlineNs) this.recordsManagerDied(`silent about phase ${name}`, now);
  }

  #failDraining(reason: string, now: number): void {
    if (!this.#isUnderWay) {
      this.#finish("failed", reason);
      return;
    }
    if (this.#state === "processing") return;
    this.#outcome = "failed";
    this.#reason = joined(this.#reason, reason);
    for (const progress of this.#phases) progress.deadlineNs = Number.POSITIVE_INFINITY;
    this.#closeFromRowsNs = now + this.#plan.bounds.leaseOverNs;
    if (this.#state === "running") this.#enter("draining", this.#phases.length - 1);
  }

  #closeFromRows(now: number): void {
    this.#closeFromRowsNs = Number.POSITIVE_INFINITY;
    for (const [phase, progress] of this.#phases.entries()) {
      if (progress.isReturned) continue;
      progress.isReturned = true;
      progress.recordsDeadlineNs = now + this.#plan.bounds.marginNs;
      this.#out.command({ kind: "close_from_rows", phase, heartbeat: this.#heartbeats.get(phase) });
    }
    this.#settle(now);
  }
}

function nothingSucceeded(results: readonly PhaseResult[]): string {
  const errored = results.reduce((sum, result) => sum + result.errored, 0);
  const cancelled = results.reduce((sum, result) => sum + result.cancelled, 0);
  if (errored + cancelled === 0) return "no request was sent";
  return cancelled === 0
    ? `all ${errored} requests failed`
    : `no request succeeded: ${errored} failed, ${cancelled} were cancelled`;
}

function missingOf({ spec, missing, present }: Barrier): string {
  const parts: string[] = [];
  if (missing.size > 0) parts.push(`missing ${[...missing].join(", ")}`);
  if (spec.count !== undefined && present.size < spec.count) parts.push(`${present.size} of ${spec.count} said so`);
  return parts.join("; ");
}

function joined(first: string, second: string): string {
  return first === "" ? second : `${first}; ${second}`;
}
