/**
 * What a dataset is to the rest of the suite: conversations of ordered turns, each addressed by two indices. A turn carries only the
 * messages that it adds; the worker puts the history together.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import type { Expectation, TurnTensor } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DelayPacker } from "../../common/turn-delays.ts";

/** What is known of a turn before its text is made. */
export interface TurnPlan {
  /** Tokens of the turn's own messages; undefined: not known. */
  readonly inputTokens: number | undefined;
  /** Output length to ask for, in tokens; undefined: the model decides. */
  readonly maxOutputTokens: number | undefined;
  /** Pause after the turn before returned; 0 for the first. */
  readonly delayMs: number;
}

/** What a dataset may say of a turn besides. */
export interface TurnDetails {
  /** Name of the conversation; absent: it has none. */
  readonly conversationId?: string;
  /** Absent: one of the run's. */
  readonly model?: string;
  /** Merged into the body, last. */
  readonly extraInputs?: JsonObject;
  /** Sent with its own messages alone, whatever the session has said before. */
  readonly isSelfContained?: boolean;
  /** Moment in the dataset's own schedule. Absent: it has none. */
  readonly timestampMs?: number;
  /** The body as it goes on the wire, instead of the messages. */
  readonly rawBody?: Uint8Array;
  /** Headers of the request, over the run's own of the same names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Tools that the request offers: a JSON array as in the target's API. */
  readonly toolsJson?: string;
  /** What the session has said before is forgotten before the turn. */
  readonly resetsHistory?: boolean;
  /** The answer to it is among the messages of the turns that follow: the target's own does not join the history. */
  readonly bringsAnswers?: boolean;
  /** That its figures are of. Absent: none. */
  readonly rowGroup?: string;
  /** What the answer is held against; absent: nothing of its own. */
  readonly expectation?: Pick<Expectation, "check" | "values" | "tensors">;
  /** Inputs of a model of tensors. Absent: none. */
  readonly tensors?: TurnTensor[];
}

export interface Turn extends TurnPlan, TurnDetails {
  /** Messages that this turn adds to the history, oldest first. */
  readonly messages: readonly ChatMessage[];
}

/** Conversations 0 to `size` − 1, each with at least one turn. The same indices always give the same values. */
export interface Dataset {
  readonly size: number;
  /** Plans of the turns of a conversation that exists; cheap beside `messages`. */
  readonly plan: (conversation: number) => readonly TurnPlan[];
  /** The plan of one turn, undefined where there is no such turn, at a cost that does not grow with the conversation. Absent: `plan` is asked. */
  readonly planOf?: (conversation: number, turn: number) => TurnPlan | undefined;
  /** Messages of a turn that exists. */
  readonly messages: (conversation: number, turn: number) => readonly ChatMessage[];
  /** Absent: no turn has any. */
  readonly details?: (conversation: number, turn: number) => TurnDetails;
  /** A turn as bytes; undefined: there is none, or it has to be made. Absent: no turn is kept as bytes. */
  readonly packed?: (conversation: number, turn: number) => PackedTurn | undefined;
  /**
   * A turn with media that have to be made, which `messages` lacks; rejects with why they cannot be. Absent: no turn has such media.
   */
  readonly later?: (conversation: number, turn: number) => Promise<PackedTurn>;
}

/** A `Turn` as bytes, conversation and turn unset. */
export interface PackedTurn {
  /** A view, not to be changed. */
  readonly bytes: Uint8Array;
  /** More fields of it, which have the last word; mostly none. */
  readonly amendments: Uint8Array;
}

/** A turn, or why there is none, for the one who asked. */
export type TurnLookup = { readonly turn: Turn } | { readonly missing: string };

export function lookUpTurn(dataset: Dataset, conversation: number, turn: number): TurnLookup {
  if (!(conversation >= 0 && conversation < dataset.size)) {
    return { missing: `dataset has ${dataset.size} conversations, asked for conversation ${conversation}` };
  }
  const plan = dataset.planOf === undefined ? dataset.plan(conversation)[turn] : dataset.planOf(conversation, turn);
  if (plan === undefined) {
    const { length } = dataset.plan(conversation);
    return { missing: `conversation ${conversation} has ${length} turns, asked for turn ${turn}` };
  }
  const { inputTokens, maxOutputTokens, delayMs } = plan;
  const messages = dataset.messages(conversation, turn);
  return { turn: { inputTokens, maxOutputTokens, delayMs, messages, ...dataset.details?.(conversation, turn) } };
}

/** A dataset in figures, for the handle that is given out. */
export interface DatasetSummary {
  readonly conversations: number;
  /** Conversations that no other one begins. */
  readonly rootConversations: number;
  readonly turns: number;
  /** Of the conversations that no other one begins. */
  readonly rootTurns: number;
  /** Turns of every conversation if they are equal; undefined otherwise. */
  readonly turnsEach: number | undefined;
  /** Turns of each conversation. */
  readonly turnCounts: Uint32Array;
  /** Pauses before the turns, as `DelayPacker` packs them; empty: no turn waits. */
  readonly turnDelays: Uint8Array;
  /** Of the conversations in weighted draws; undefined: none says any. */
  readonly weights: Float64Array | undefined;
  /** Conversations that begin others, as `packBranches` packs them; absent: none does. */
  readonly branches?: Uint8Array;
  /** Moments of the turns in the dataset's own schedule; undefined: none has any. */
  readonly schedule: DatasetSchedule | undefined;
  /** Kinds of checks that turns ask for; absent: none does. */
  readonly checks?: readonly string[];
  /** Mean over the turns whose input length is known; undefined: none is. */
  readonly meanInputTokens: number | undefined;
  /** Mean over the turns that ask for a length; undefined: none does. */
  readonly meanOutputTokens: number | undefined;
}

/** The moments that a dataset names. */
export interface DatasetSchedule {
  /** As `TimestampPacker` packs them. */
  readonly turnTimestamps: Uint8Array;
  /** Whether the first conversation begins with one. */
  readonly isBegun: boolean;
  /** Of the first turns of the conversations that no other one begins, ms, in their order; those without one are left out. */
  readonly firstTurnsMs: Float64Array;
}

/** Of a dataset that names no moments. Reads every plan and makes no text. */
export function summarizeDataset(dataset: Dataset): DatasetSummary {
  const turnCounts = new Uint32Array(dataset.size);
  const delays = new DelayPacker();
  let turns = 0;
  const input = { sum: 0, count: 0 };
  const output = { sum: 0, count: 0 };
  for (let conversation = 0; conversation < dataset.size; conversation++) {
    const plans = dataset.plan(conversation);
    turnCounts[conversation] = plans.length;
    turns += plans.length;
    for (const plan of plans) {
      addKnown(input, plan.inputTokens);
      addKnown(output, plan.maxOutputTokens);
      delays.add(plan.delayMs);
    }
  }
  return {
    conversations: dataset.size,
    rootConversations: dataset.size,
    turns,
    rootTurns: turns,
    turnsEach: turnCounts.every((count) => count === turnCounts[0]) ? turnCounts[0] : undefined,
    turnCounts,
    turnDelays: delays.packed(),
    weights: undefined,
    schedule: undefined,
    meanInputTokens: meanOf(input),
    meanOutputTokens: meanOf(output),
  };
}

function addKnown(total: { sum: number; count: number }, value: number | undefined): void {
  if (value === undefined) return;
  total.sum += value;
  total.count += 1;
}

function meanOf(total: { sum: number; count: number }): number | undefined {
  return total.count === 0 ? undefined : total.sum / total.count;
}
