/** What timing knows of the dataset: how many conversations, their turns, and when these may follow each other. Pure. */
import { Sampling } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetHandle } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { createSampler, type SamplingOrder } from "../../common/sampler.ts";
import { type BranchingConversation, childrenOf, unpackBranches } from "../../common/session-branches.ts";
import { unpackDelaysNs } from "../../common/turn-delays.ts";
import { unpackTimestampsUs } from "../../common/turn-timestamps.ts";
import { spreadPauses } from "./pause-spread.ts";
import type { SessionBranches } from "./session-trees.ts";

/** What is drawn from. */
export interface DatasetShape {
  readonly conversations: number;
  /** Turns of a conversation by its index. */
  turnsOf(conversation: number): number;
  readonly isMultiTurn: boolean;
  /** Pause before a turn, after the one before returned; of a session (default 0) where sessions differ. Absent: no turn waits. */
  readonly delayNs?: ((conversation: number, turn: number, session?: number) => number) | undefined;
  /** How conversations begin others. Absent: none does. */
  readonly branches?: SessionBranches | undefined;
  /** The conversations that are drawn: those that no other one begins, ascending. Absent: all. */
  readonly roots?: Uint32Array | undefined;
  /** Moment of a turn in the dataset's own schedule, µs; NaN: it has none. Absent: no turn has. */
  readonly timestampUs?: ((conversation: number, turn: number) => number) | undefined;
  readonly order: SamplingOrder;
  readonly samplingSeed: number;
  /** Of the conversations, for weighted draws; absent or empty: all the same. */
  readonly weights?: ArrayLike<number>;
}

/** How many conversations are drawn. */
export function rootCount({ roots, conversations }: Pick<DatasetShape, "roots" | "conversations">): number {
  return roots?.length ?? conversations;
}

/** The n-th conversation that is drawn, of `rootCount`. */
export function rootAt({ roots }: Pick<DatasetShape, "roots">, nth: number): number {
  return roots === undefined ? nth : (roots[nth] as number);
}

/** Which conversation the n-th draw gives, in the dataset's order, of those that are drawn. */
export function rootSampler(dataset: DatasetShape): (nth: number) => number {
  const { order, samplingSeed, roots, weights = [] } = dataset;
  const ownWeights = roots === undefined ? weights : Array.from(roots, (root) => weights[root] ?? 1);
  const sampler = createSampler(order, rootCount(dataset), samplingSeed, weights.length === 0 ? [] : ownWeights);
  return (nth) => rootAt(dataset, sampler.draw(nth));
}

/** Throws `data_loss` for pauses, timestamps and branches that do not belong to the turns. */
export function shapeOf(dataset: DatasetHandle): DatasetShape {
  const { turnsEach, turnCounts, turnDelays, turnTimestamps } = dataset;
  const conversations = Number(dataset.conversations);
  const firstTurns = turnsEach > 0 ? undefined : firstTurnsOf(turnCounts);
  const ordinalOf = (conversation: number, turn: number): number =>
    (firstTurns?.[conversation] ?? turnsEach * conversation) + turn;
  const turns = firstTurns?.at(-1) ?? turnsEach * conversations;
  const delaysNs = turnDelays.length === 0 ? undefined : unpackDelaysNs(turnDelays, turns);
  const timestampsUs = turnTimestamps.length === 0 ? undefined : unpackTimestampsUs(turnTimestamps, turns);
  const turnsOf = (conversation: number): number => (turnsEach > 0 ? turnsEach : (turnCounts[conversation] ?? 1));
  const delayNs = delaysNs && ((conversation: number, turn: number) => delaysNs[ordinalOf(conversation, turn)] ?? 0);
  const branching = dataset.branches.length === 0 ? undefined : unpackBranches(dataset.branches, conversations);
  return {
    conversations,
    turnsOf,
    isMultiTurn: turnsEach > 1 || turnCounts.some((count) => count > 1) || branching !== undefined,
    delayNs: delayNs && branching ? spreadPauses(delayNs, branching, Number(dataset.samplingSeed)) : delayNs,
    ...(branching && branchesOf(branching, conversations, turnsOf)),
    timestampUs: timestampsUs && ((conversation, turn) => timestampsUs[ordinalOf(conversation, turn)] ?? Number.NaN),
    order: orderOf(dataset.sampling),
    samplingSeed: Number(dataset.samplingSeed),
    weights: dataset.weights,
  };
}

function branchesOf(
  branching: readonly BranchingConversation[],
  conversations: number,
  turnsOf: (conversation: number) => number,
): Required<Pick<DatasetShape, "branches" | "roots">> {
  const byConversation = new Map(branching.map((one) => [one.conversation, one]));
  const children = childrenOf(branching);
  const roots = Uint32Array.from({ length: conversations }, (_, conversation) => conversation);
  return {
    branches: {
      of: (conversation) => byConversation.get(conversation)?.branches ?? [],
      turnsOf,
      isSilent: (conversation) => byConversation.get(conversation)?.isSilent ?? false,
    },
    roots: roots.filter((conversation) => !children.has(conversation)),
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
