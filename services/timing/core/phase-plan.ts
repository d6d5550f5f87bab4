/** From a phase of the RunSpec to what the timing core plays. Pure. */
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import {
  ConcurrencyUnit,
  Overload,
  type RateLoad,
  type RunSpec,
  UrlStrategy,
  type PhaseSpec as WirePhase,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../common/errors.ts";
import { permutation, randomStream } from "../../common/random.ts";
import { cancellationOf } from "./cancellation.ts";
import { type DatasetShape, rootSampler } from "./dataset-shape.ts";
import type { Pacer } from "./pacers/pacer.ts";
import type { Conversations, Load, PhaseSpec, PlaceHolder } from "./phase.ts";
import type { Ramp } from "./ramp.ts";
import { pacerOf } from "./rate-load.ts";
import { type TargetChoice, type TargetLoads, targetChoice } from "./targets.ts";
import { timetableOf } from "./timetables.ts";

/**
 * @param sessionsBefore sessions that earlier phases have drawn: the dataset goes on where they stopped, so that a warm-up does
 *   not warm the very conversations that are measured
 * @param loads of the run; undefined where it has one target
 * @throws `invalid_argument` for a phase that says nothing playable; the controller has checked that before
 */
export function planPhase(
  spec: RunSpec,
  index: number,
  dataset: DatasetShape,
  sessionsBefore: number,
  loads?: TargetLoads,
): PhaseSpec {
  const phase = spec.phases[index];
  if (phase === undefined) throw new AssayError("invalid_argument", `there is no phase ${index}`);
  const { stop } = phase;
  const timetable = timetableOf(phase, dataset, sessionsBefore);
  return {
    index,
    name: phase.name,
    kind: phase.kind === PhaseKind.WARMUP ? "warmup" : "profiling",
    load: timetable?.load ?? loadOf(phase, spec, index),
    stop: {
      ...(stop?.requestCount === undefined ? {} : { requestCount: Number(stop.requestCount) }),
      ...(stop?.sessionCount === undefined ? {} : { sessionCount: Number(stop.sessionCount) }),
      ...(stop?.durationSec === undefined ? {} : { durationNs: stop.durationSec * 1e9 }),
    },
    ...(phase.prefillConcurrency === undefined ? {} : { prefill: phase.prefillConcurrency }),
    ramps: limitRampsOf(phase),
    graceNs: (phase.graceSec ?? 0) * 1e9,
    isSeamless: phase.isSeamless,
    conversations: {
      ...conversationsOf(spec, index, dataset, sessionsBefore, loads),
      ...(timetable && { draw: timetable.draw }),
    },
  };
}

function loadOf(phase: WirePhase, spec: RunSpec, index: number): Load {
  const { load } = phase;
  switch (load.case) {
    case "concurrency":
      return { kind: "closed", concurrency: load.value.limit, unit: placeHolders[load.value.unit] };
    case "rate":
      return rateLoadOf(
        load.value,
        phase,
        pacerOf(load.value, rampOf(phase, "rate", load.value.ratePerSec), Number(spec.randomSeed ?? 0n), index),
      );
    default:
      throw new AssayError("invalid_argument", `phase ${phase.name} has no load that this version plays`);
  }
}

function limitRampsOf(phase: WirePhase): NonNullable<PhaseSpec["ramps"]> {
  const { load } = phase;
  const limit = load.case === "concurrency" ? load.value.limit : load.case === "rate" ? load.value.concurrencyCeiling : undefined;
  const concurrency = limit === undefined ? undefined : rampOf(phase, "concurrency", limit);
  const prefill = phase.prefillConcurrency && rampOf(phase, "prefill_concurrency", phase.prefillConcurrency);
  return { ...(concurrency ? { concurrency } : {}), ...(prefill ? { prefill } : {}) };
}

/** The ramp of a quantity to its value in the phase; undefined: it has none. */
function rampOf({ ramps }: WirePhase, quantity: string, to: number): Ramp | undefined {
  const ramp = ramps.find((candidate) => candidate.quantity === quantity);
  if (ramp === undefined) return undefined;
  const { from = 1, durationSec, shape, steps } = ramp;
  return {
    from,
    to,
    durationNs: durationSec * 1e9,
    shape: shape === "exponential" || shape === "step" ? shape : "linear",
    steps,
  };
}

const placeHolders: Readonly<Record<ConcurrencyUnit, PlaceHolder>> = {
  [ConcurrencyUnit.UNSPECIFIED]: "session",
  [ConcurrencyUnit.SESSION]: "session",
  [ConcurrencyUnit.REQUEST]: "request",
};

/** Prefill slots are shared by all workers as a ceiling is, so that timing itself waits for one. */
function rateLoadOf(load: RateLoad, { prefillConcurrency }: WirePhase, pacer: Pacer): Load {
  const { concurrencyCeiling, ceilingUnit, overload } = load;
  if (concurrencyCeiling === undefined && prefillConcurrency === undefined) return { kind: "open", pacer };
  return {
    kind: "ceiling",
    pacer,
    concurrency: concurrencyCeiling ?? Number.POSITIVE_INFINITY,
    overload: overload === Overload.DROP ? "drop" : "queue",
    unit: placeHolders[ceilingUnit],
  };
}

function conversationsOf(
  spec: RunSpec,
  phase: number,
  dataset: DatasetShape,
  sessionsBefore: number,
  loads: TargetLoads | undefined,
): Conversations {
  const conversationOf = rootSampler(dataset);
  const targetOf = loads === undefined ? undefined : targetChoiceOf(spec, phase, loads);
  const cancelAfterNs = cancellationDrawOf(spec, phase);
  return {
    isMultiTurn: dataset.isMultiTurn,
    isByLoad: loads !== undefined && spec.target?.urlStrategy === UrlStrategy.LEAST_LOADED,
    ...(dataset.delayNs === undefined ? {} : { delayNs: dataset.delayNs }),
    branches: dataset.branches,
    draw: (session) => {
      const conversation = conversationOf(sessionsBefore + session);
      return { conversation, turns: dataset.turnsOf(conversation) };
    },
    turn: (turn) => ({ targetIndex: targetOf?.(turn) ?? 0, cancelAfterNs: cancelAfterNs?.(turn.index) }),
  };
}

function targetChoiceOf({ target, randomSeed }: RunSpec, phase: number, loads: TargetLoads): TargetChoice | undefined {
  if (target === undefined) return undefined;
  const { urlStrategy: strategy, urls } = target;
  const seed = Number(randomSeed ?? 0n);
  const random = randomStream(seed, "targets", phase);
  const orderOf = (round: number) => permutation(randomStream(seed, "targets", phase, round), urls.length);
  return targetChoice({ strategy, urls, loads, random: () => random.next(), orderOf });
}

function cancellationDrawOf({ phases, randomSeed }: RunSpec, phase: number): ReturnType<typeof cancellationOf> | undefined {
  const cancellation = phases[phase]?.cancellation;
  if (cancellation === undefined) return undefined;
  const { share, delaySec } = cancellation;
  return cancellationOf({ share, delayNs: delaySec * 1e9, seed: Number(randomSeed ?? 0n), phase });
}
