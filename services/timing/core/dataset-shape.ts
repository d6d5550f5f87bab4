/** What timing knows of the dataset: how many conversations, their turns, and when these may follow each other. Pure. */
import { Sampling } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetHandle } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { SamplingOrder } from "../../common/sampler.ts";
import { unpackDelaysNs } from "../../common/turn-delays.ts";
import { unpackTimestampsUs } from "../../common/turn-timestamps.ts";

/** What is drawn from. */
export interface DatasetShape {
  readonly conversations: number;
  /** Turns of a conversation by its index. */
  turnsOf(conversation: number): number;
  readonly isMultiTurn: boolean;
  /** Pause before a turn, after the one before returned. Absent: no turn waits. */
  readonly delayNs?: ((conversation: number, turn: number) => number) | undefined;
  /** Moment of a turn in the dataset's own schedule, µs; NaN: it has none. Absent: no turn has. */
  readonly timestampUs?: ((conversation: number, turn: number) => number) | undefined;
  readonly order: SamplingOrder;
  readonly samplingSeed: number;
  /** Of the conversations, for weighted draws; absent or empty: all the same. */
  readonly weights?: ArrayLike<number>;
}

/** Throws `data_loss` for pauses and timestamps that do not belong to the turns. */
export function shapeOf(dataset: DatasetHandle): DatasetShape {
  const { turnsEach, turnCounts, turnDelays, turnTimestamps } = dataset;
  const conversations = Number(dataset.conversations);
  const firstTurns = turnsEach > 0 ? undefined : firstTurnsOf(turnCounts);
  const ordinalOf = (conversation: number, turn: number): number =>
    (firstTurns?.[conversation] ?? turnsEach * conversation) + turn;
  const turns = firstTurns?.at(-1) ?? turnsEach * conversations;
  const delaysNs = turnDelays.length === 0 ? undefined : unpackDelaysNs(turnDelays, turns);
  const timestampsUs = turnTimestamps.length === 0 ? undefined : unpackTimestampsUs(turnTimestamps, turns);
  return {
    conversations,
    turnsOf: (conversation) => (turnsEach > 0 ? turnsEach : (turnCounts[conversation] ?? 1)),
    isMultiTurn: turnsEach > 1 || turnCounts.some((count) => count > 1),
    delayNs: delaysNs && ((conversation, turn) => delaysNs[ordinalOf(conversation, turn)] ?? 0),
    timestampUs: timestampsUs && ((conversation, turn) => timestampsUs[ordinalOf(conversation, turn)] ?? Number.NaN),
    order: orderOf(dataset.sampling),
    samplingSeed: Number(dataset.samplingSeed),
    weights: dataset.weights,
  };
}

/** Ordinal of each conversation's first turn among all turns, and of the turn that there is not, behind the last. */
function firstTurnsOf(turnCounts: readonly number[]): Float64Array {
  const firstTurns = new Float64Array(turnCounts.length + 1);
  for (const [conversation, turns] of turnCounts.entries()) {
    firstTurns[conversation + 1] = (firstTurns[conversation] as number) + turns;
  }
  return firstTurns;
}

function orderOf(sampling: Sampling): SamplingOrder {
  switch (sampling) {
    case Sampling.RANDOM:
      return "random";
    case Sampling.SHUFFLE:
      return "shuffle";
    case Sampling.WEIGHTED:
      return "weighted";
    default:
      return "sequential";
  }
}
