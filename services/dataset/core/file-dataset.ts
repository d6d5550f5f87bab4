/** A loaded file as a dataset: its turns are decoded when they are asked for. Pure. */
import { fromBinary } from "@bufbuild/protobuf";
import { type PromptRecipe, TurnSchema, type Turn as WireTurn } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { chatMessageOf } from "../../common/chat-messages.ts";
import { childrenOf, packBranches } from "../../common/session-branches.ts";
import { DelayPacker } from "../../common/turn-delays.ts";
import { TimestampPacker } from "../../common/turn-timestamps.ts";
import { type ConversationIndex, rowOfTurn, turnsOf } from "./conversation-index.ts";
import { type Distribution, drawLengths, meanOf } from "./distributions.ts";
import type { LoadedFile } from "./file-load.ts";
import type { PromptRecipe as Recipe } from "./formats/row.ts";
import { rowAt } from "./packed-rows.ts";
import { amendmentsOf, fieldsOf } from "./packed-turn.ts";
import type { PromptMaker } from "./trace-prompt.ts";
import type { Dataset, DatasetSchedule, DatasetSummary, TurnDetails, TurnPlan } from "./turns.ts";

export interface FileDatasetOptions {
  readonly seed: number;
  /** Output length to ask for where a row names none; undefined: none. */
  readonly outputTokens: Distribution | undefined;
  /** Factor on every pause. Default 1. */
  readonly turnDelayRatio?: number;
  /** Makes the prompts of recipes. Absent: there are none among the turns. */
  readonly prompts?: PromptMaker;
  /** Such prompts have the lengths that the recipes say to the token. Default true. */
  readonly isExact?: boolean;
}

/** Turns of a conversation are best asked for in their order: where lengths are drawn, they are drawn again for an earlier one. */
export function fileDataset({ turns, conversations, delaysMs }: LoadedFile, options: FileDatasetOptions): Dataset {
  const { seed, outputTokens, turnDelayRatio = 1, prompts, isExact = true } = options;
  const exists = (conversation: number, turn: number): boolean =>
    conversation >= 0 && conversation < conversations.size && turn >= 0 && turn < turnsOf(conversations, conversation);
  // A turn is asked for its plan, its messages and its details one after the other.
  let last: { readonly row: number; readonly turn: WireTurn } | undefined;
  const turnOf = (conversation: number, turn: number): WireTurn => {
    const row = rowOfTurn(conversations, conversation, turn);
    if (last?.row !== row) last = { row, turn: fromBinary(TurnSchema, rowAt(turns, row)) };
    return last.turn;
  };
  const drawnLength = drawnInOrder(conversations, (conversation) =>
    outputTokens === undefined ? () => undefined : drawLengths(outputTokens, 1, seed, "output_tokens", conversation),
  );
  const planOf = (conversation: number, turn: number): TurnPlan | undefined => {
    if (!exists(conversation, turn)) return undefined;
    const { maxOutputTokens, delayMs, recipe } = turnOf(conversation, turn);
    return {
      inputTokens: isExact ? recipe?.inputTokens : undefined,
      maxOutputTokens: maxOutputTokens > 0 ? maxOutputTokens : drawnLength(conversation, turn),
      delayMs: delayMs * turnDelayRatio,
    };
  };
  const plan = (conversation: number): readonly TurnPlan[] =>
    Array.from({ length: turnsOf(conversations, conversation) }, (_, turn) => planOf(conversation, turn) as TurnPlan);
  return {
    size: conversations.size,
    plan,
    planOf,
    messages: (conversation, turn) => {
      const { messages, recipe } = turnOf(conversation, turn);
      if (recipe === undefined) return messages.map(chatMessageOf);
      if (prompts === undefined) throw new RangeError("a prompt of a recipe needs a maker of prompts");
      return [{ role: "user", content: prompts.text(recipeOf(recipe), rowOfTurn(conversations, conversation, turn)) }];
    },
    details: (conversation, turn) => detailsOf(turnOf(conversation, turn), turnsOf(conversations, conversation) > 1),
    packed(conversation, turn) {
      if (!exists(conversation, turn)) return undefined;
      const row = rowOfTurn(conversations, conversation, turn);
      const bytes = rowAt(turns, row);
      const fields = fieldsOf(bytes);
      if (fields.has("recipe")) return undefined;
      const isAlone = turnsOf(conversations, conversation) === 1;
      const amendments = amendmentsOf({
        maxOutputTokens: fields.has("maxOutputTokens") ? undefined : drawnLength(conversation, turn),
        delayMs: turnDelayRatio !== 1 && delaysMs !== undefined ? (delaysMs[row] ?? 0) * turnDelayRatio : undefined,
        isSelfContained: isAlone && fields.has("isSelfContained") ? false : undefined,
      });
      return { bytes, amendments };
    },
  };
}

/** Conversations whose draws are gone on with; of those before the draws begin again. */
const drawnConversations = 4096;

/** Draws for turns that come in order, as those of a session do: each is drawn once, whatever is asked for between them. */
function drawnInOrder(
  conversations: ConversationIndex,
  begin: (conversation: number) => () => number | undefined,
): (conversation: number, turn: number) => number | undefined {
  interface Draws {
    readonly draw: () => number | undefined;
    turn: number;
    value: number | undefined;
  }
  const going = new Map<number, Draws>();
  return (conversation, turn) => {
    const known = going.get(conversation);
    const draws = known !== undefined && known.turn <= turn ? known : { draw: begin(conversation), turn: -1, value: undefined };
    // Drawn for every turn, so that what one row names leaves the others as they are.
    for (; draws.turn < turn; draws.turn++) draws.value = draws.draw();
    going.delete(conversation);
    if (turn < turnsOf(conversations, conversation) - 1) going.set(conversation, draws);
    if (going.size > drawnConversations) going.delete(going.keys().next().value as number);
    return draws.value;
  };
}

function recipeOf({ inputTokens, blockIds, blockTokens }: PromptRecipe): Recipe {
  return { inputTokens, blockIds: blockIds.map(Number), blockTokens };
}

function detailsOf({ conversationId, model, extraInputs, timestampMs, ...turn }: WireTurn, hasOthers: boolean): TurnDetails {
  return {
    ...(conversationId === "" ? {} : { conversationId }),
    ...(model === "" ? {} : { model }),
    ...(extraInputs === undefined ? {} : { extraInputs }),
    ...(timestampMs === undefined ? {} : { timestampMs }),
    ...(turn.isSelfContained && hasOthers ? { isSelfContained: true } : {}),
    ...(turn.rawBody.length === 0 ? {} : { rawBody: turn.rawBody }),
    ...(turn.toolsJson === "" ? {} : { toolsJson: turn.toolsJson }),
    ...(turn.resetsHistory ? { resetsHistory: true } : {}),
    ...(turn.bringsAnswers ? { bringsAnswers: true } : {}),
    ...(turn.rowGroup === "" ? {} : { rowGroup: turn.rowGroup }),
    ...(turn.expectation === undefined ? {} : { expectation: turn.expectation }),
    ...(turn.tensors.length === 0 ? {} : { tensors: turn.tensors }),
    ...(Object.keys(turn.headers).length === 0 ? {} : { headers: turn.headers }),
  };
}

/** From what the loading has counted; no row is decoded. */
export function summarizeFile(file: LoadedFile, { outputTokens, turnDelayRatio = 1 }: FileDatasetOptions): DatasetSummary {
  const { turns, conversations, delaysMs, timestampsMs, outputTokens: named, recipeTokens: made } = file;
  const drawn = outputTokens === undefined ? 0 : turns.size - named.count;
  const asked = named.count + drawn;
  const { turnsEach, turnCounts } = countsOf(conversations);
  const children = childrenOf(file.branching);
  return {
    conversations: conversations.size,
    rootConversations: conversations.size - children.size,
    turns: turns.size,
    rootTurns: [...children].reduce((left, child) => left - turnsOf(conversations, child), turns.size),
    turnsEach,
    turnCounts,
    turnDelays: delaysMs === undefined ? new Uint8Array(0) : packDelays(delaysMs, conversations, turnDelayRatio),
    weights: file.weights,
    ...(file.checks.length > 0 && { checks: file.checks }),
    ...(file.branching.length > 0 && { branches: packBranches(file.branching, turnDelayRatio) }),
    schedule: timestampsMs && scheduleOf(timestampsMs, conversations, children),
    meanInputTokens: made.count === 0 ? undefined : made.sum / made.count,
    meanOutputTokens:
      asked === 0 ? undefined : (named.sum + drawn * (outputTokens === undefined ? 0 : meanOf(outputTokens))) / asked,
  };
}

function countsOf(conversations: ConversationIndex): Pick<DatasetSummary, "turnsEach" | "turnCounts"> {
  if (conversations.firstTurnOf === undefined) return { turnsEach: 1, turnCounts: new Uint32Array(0) };
  const turnCounts = Uint32Array.from({ length: conversations.size }, (_, conversation) => turnsOf(conversations, conversation));
  return { turnsEach: turnCounts.every((count) => count === turnCounts[0]) ? turnCounts[0] : undefined, turnCounts };
}

function packDelays(delaysMs: Float64Array, conversations: ConversationIndex, ratio: number): Uint8Array {
  const packer = new DelayPacker();
  for (let conversation = 0; conversation < conversations.size; conversation++) {
    const turns = turnsOf(conversations, conversation);
    for (let turn = 0; turn < turns; turn++) packer.add((delaysMs[rowOfTurn(conversations, conversation, turn)] ?? 0) * ratio);
  }
  return packer.packed();
}

function scheduleOf(
  timestampsMs: Float64Array,
  conversations: ConversationIndex,
  children: ReadonlySet<number>,
): DatasetSchedule {
  const packer = new TimestampPacker();
  const firstTurnsMs = new Float64Array(conversations.size);
  let timed = 0;
  const timestampMs = (conversation: number, turn: number): number =>
    timestampsMs[rowOfTurn(conversations, conversation, turn)] ?? Number.NaN;
  for (let conversation = 0; conversation < conversations.size; conversation++) {
    const turns = turnsOf(conversations, conversation);
    for (let turn = 0; turn < turns; turn++) packer.add(timestampMs(conversation, turn));
    const firstMs = timestampMs(conversation, 0);
    if (!Number.isNaN(firstMs) && !children.has(conversation)) firstTurnsMs[timed++] = firstMs;
  }
  return {
    turnTimestamps: packer.packed(),
    isBegun: !Number.isNaN(timestampMs(0, 0)),
    firstTurnsMs: firstTurnsMs.subarray(0, timed),
  };
}
