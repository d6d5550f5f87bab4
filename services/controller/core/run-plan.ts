/** From an effective spec to the plan that the run machine follows, and the few figures that the controller derives. Pure. */
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec, RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type WorkerHost, workersForFds } from "./load-limits.ts";
import { RUN_BOUNDS, type RunBounds, type RunPlan } from "./run-machine.ts";
import { atOnceOf } from "./spec/at-once.ts";

export interface PlanOptions {
  readonly workers: number;
  /** Services beside workers that must say they are ready. */
  readonly members: readonly string[];
  readonly hasTelemetry: boolean;
  /** Default: `RUN_BOUNDS`. */
  readonly bounds?: RunBounds | undefined;
}

const configureNs = 60e9;
const telemetryNs = 5e9;
const clocksNs = 10e9;
const datasetNs = 300e9;
const processingNs = 600e9;
/** The edge has shorter limits, and knows what the target said. */
const targetNs = 60e9;

/** @param spec effective: what a phase does not say here, it has not */
export function planRun(spec: RunSpec, { workers, members, hasTelemetry, bounds = RUN_BOUNDS }: PlanOptions): RunPlan {
  const awaitedNs = (spec.target?.waitForModel?.timeoutSec ?? 0) * 1e9;
  return {
    barriers: [
      { name: "dataset", members: ["dataset"], timeoutNs: datasetNs },
      // Nobody is configured before the dataset is there, some only when the target has answered. The edge has shorter deadlines, and knows who is late.
      { name: "workers", members, count: members.length + workers, timeoutNs: datasetNs + configureNs + awaitedNs },
      { name: "clocks", members: ["clocks"], timeoutNs: clocksNs },
      { name: "target", members: ["target"], timeoutNs: targetNs + awaitedNs },
      ...(hasTelemetry ? [{ name: "telemetry" as const, members: ["telemetry"], timeoutNs: telemetryNs }] : []),
    ],
    phases: spec.phases.map(({ name, kind, stop, graceSec, cancellation, isSeamless }) => ({
      name,
      isMeasured: kind === PhaseKind.PROFILING,
      cancelsOnPurpose: cancellation !== undefined,
      isSeamless,
      durationNs: stop?.durationSec === undefined ? undefined : stop.durationSec * 1e9,
      graceNs: (graceSec ?? 0) * 1e9,
    })),
    processingTimeoutNs: processingNs,
    bounds,
  };
}

/**
 * Workers that a run can use: as many as the load has requests at once, no more than the hosts' cores leave beside the rest of
 * the suite, except where fewer could not open all connections.
 */
export function workersFor(spec: RunSpec, hosts: readonly WorkerHost[]): number {
  const byCores = freeCores(hosts);
  const limits = spec.phases.map((phase) => atOnceOf(phase) ?? Number.POSITIVE_INFINITY);
  const { maxWorkers, workersPerHost } = spec.workers ?? {};
  const byHost = workersPerHost === undefined ? undefined : workersPerHost * Math.max(1, hosts.length);
  const wanted = byHost ?? maxWorkers ?? Math.max(byCores, workersForFds(spec, hosts));
  return Math.max(1, Math.min(wanted, Math.max(...limits)));
}

/** What to say of precise workers that are more than the cores can keep awake; undefined: nothing, as long as no host is known. */
export function pacingWarning(spec: RunSpec, hosts: readonly WorkerHost[]): string | undefined {
  if (spec.workers?.pacing !== "precise" || hosts.length === 0) return undefined;
  const workers = workersFor(spec, hosts);
  const free = freeCores(hosts);
  if (workers <= free) return undefined;
  return `${workers} workers with precise pacing are more than the ${free} that the cores can keep awake: requests may be late`;
}

function freeCores(hosts: readonly WorkerHost[]): number {
  return hosts.reduce((sum, { cores }) => sum + Math.max(1, cores - 1), 0);
}

const shortWarmUpMs = 100;
const longWarmUpMs = 2000;
/** Of the run: 2 s for one of 10 s. */
const warmUpShare = 0.2;
/** So many requests are a long run, however fast they are. */
const longRunRequests = 1000;

/**
 * How long workers warm their own path, in ms: a share of what the run takes, since its first second is the coldest; long runs can afford what
 * short ones would be made of.
 */
export function selfWarmUpMs(spec: RunSpec): number {
  const longest = Math.max(0, ...spec.phases.map(expectedMs));
  return Math.max(shortWarmUpMs, Math.min(longWarmUpMs, warmUpShare * longest));
}

/** What a phase takes as far as its spec says it; 0 where it depends on the target alone. */
function expectedMs({ stop, load }: PhaseSpec): number {
  const count = Number(stop?.requestCount ?? stop?.sessionCount ?? 0n);
  if (count > longRunRequests) return Number.POSITIVE_INFINITY;
  const byRate = load.case === "rate" && load.value.ratePerSec > 0 ? (1e3 * count) / load.value.ratePerSec : 0;
  return Math.max(1e3 * (stop?.durationSec ?? 0), byRate);
}

const maxCancelGraceSec = 30;

/** How long a cancelled run waits for what is in flight: the phase's own grace, but no longer than a person waits. */
export function cancelGraceSec(spec: RunSpec, phase: number): number {
  return Math.min(spec.phases[phase]?.graceSec ?? maxCancelGraceSec, maxCancelGraceSec);
}
