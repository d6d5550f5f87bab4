/**
 * A run as spans: the run from its creation to its end, what makes it ready, its phases, and what makes its results. What is
 * asked of members meanwhile is a part of the step that asks.
 */
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, type RunEvent, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { wallOfMonotonic } from "../common/clock.ts";
import { messageOf } from "../common/errors.ts";
import type { Span, SpanAttributes, Tracer } from "../common/observe/tracing.ts";
import type { RunCommand } from "./core/run-machine.ts";

export class RunTrace {
  readonly #tracer: Tracer;
  readonly #spec: RunSpec;
  readonly #span: Span;
  /** Those that are not over, by index. */
  readonly #phases = new Map<number, Span>();
  /** Of what makes the run ready: those that are not over. */
  readonly #preparations = new Set<Span>();
  #isOver = false;

  /** Begins the run's span, as a part of what the caller is within. */
  constructor(tracer: Tracer, runId: string, spec: RunSpec) {
    this.#tracer = tracer;
    this.#spec = spec;
    const { name, models, endpoint } = spec;
    this.#span = tracer.start("run", {
      kind: "internal",
      attributes: {
        "assay.run.id": runId,
        "assay.run.name": name,
        "assay.endpoint.type": endpoint?.type ?? "",
        "assay.models": models,
      },
    });
  }

  /** Does something for the run that no step of it asks for. */
  within<Result>(work: () => Result): Result {
    return this.#span.within(work);
  }

  /** Carries out a step of the run. */
  async step(command: Pick<RunCommand<unknown, unknown>, "kind"> & StepDetail, work: () => Promise<void>): Promise<void> {
    switch (command.kind) {
      case "prepare":
        return this.#prepare(`prepare ${command.barrier}`, work);
      case "process":
        return this.#process(work);
      case "start_phase":
        if (command.phase !== undefined) this.#phaseStarted(command.phase);
    }
    return (this.#phases.get(command.phase ?? -1) ?? this.#span).within(work);
  }

  /** Everybody is ready, whatever is still looked after for who comes later. */
  prepared(): void {
    for (const span of this.#preparations) span.end();
    this.#preparations.clear();
  }

  event({ kind, message, phase, atNs }: RunEvent): void {
    if (this.#isOver) return;
    const span = (phase === undefined ? undefined : this.#phases.get(phase)) ?? this.#span;
    span.event(kind, { message }, wallOfMonotonic(atNs));
  }

  /** The phase's account is closed. */
  phaseClosed(phase: number, identity: Run["phases"][number]["identity"]): void {
    const span = this.#phases.get(phase);
    if (span === undefined) return;
    this.#phases.delete(phase);
    if (identity !== undefined) span.set(countsOf(identity));
    span.end();
  }

  /** The run is over, or nobody carries it out any more. Further calls do nothing. */
  ended({ state, reason }: Run): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const name = RunState[state]?.toLowerCase() ?? "";
    for (const span of this.#phases.values()) span.end({ code: name, message: "the run ended before the phase was closed" });
    this.#phases.clear();
    this.prepared();
    this.#span.set({ "assay.run.state": name, "assay.run.reason": reason });
    const isGood = state === RunState.COMPLETED || state === RunState.CANCELLED;
    this.#span.end(isGood ? undefined : { code: name, message: reason });
  }

  async #prepare(name: string, work: () => Promise<void>): Promise<void> {
    const span = this.#tracer.start(name, { kind: "internal", parent: this.#span });
    this.#preparations.add(span);
    try {
      await span.within(work);
      if (this.#preparations.delete(span)) span.end();
    } catch (error) {
      if (this.#preparations.delete(span)) span.end({ code: "failed", message: messageOf(error) });
      throw error;
    }
  }

  async #process(work: () => Promise<void>): Promise<void> {
    const span = this.#tracer.start("process", { kind: "internal", parent: this.#span });
    try {
      await span.within(work);
      span.end();
    } catch (error) {
      span.end({ code: "failed", message: messageOf(error) });
      throw error;
    }
  }

  #phaseStarted(index: number): void {
    const phase = this.#spec.phases[index];
    const name = phase?.name ?? String(index);
    const attributes = {
      "assay.phase.index": index,
      "assay.phase.name": name,
      "assay.phase.kind": phase?.kind === PhaseKind.WARMUP ? "warmup" : "profiling",
    };
    this.#phases.set(index, this.#tracer.start(`phase ${name}`, { kind: "internal", parent: this.#span, attributes }));
  }
}

/** What the steps that are told apart here have beside their kind. */
interface StepDetail {
  readonly barrier?: string;
  readonly phase?: number;
}

function countsOf(identity: NonNullable<Run["phases"][number]["identity"]>): SpanAttributes {
  const { drawn, succeeded, errored, cancelled, unused, dropped, missingRecord, missingLost } = identity;
  return {
    "assay.phase.drawn": Number(drawn),
    "assay.phase.succeeded": Number(succeeded),
    "assay.phase.errored": Number(errored),
    "assay.phase.cancelled": Number(cancelled),
    "assay.phase.unused": Number(unused),
    "assay.phase.dropped": Number(dropped),
    "assay.phase.missing": Number(missingRecord + missingLost),
  };
}
