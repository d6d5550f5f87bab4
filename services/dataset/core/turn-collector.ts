/** The turns of a file's rows as they are kept: packed, by conversation, with what has to be known of all of them at once. Pure. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { wireMessageOf } from "../../common/chat-messages.ts";
import type { CheckKind } from "../../common/checks/expectation.ts";
import { AssayError } from "../../common/errors.ts";
import type { BranchingConversation, PauseSpread } from "../../common/session-branches.ts";
import { writeTurnTensor } from "../../common/turn-tensors.ts";
import { type ConversationIndex, ConversationIndexer, rowOfTurn, turnsOf } from "./conversation-index.ts";
import type { Medium } from "./formats/media.ts";
import type { Row, RowBranching, RowTurn } from "./formats/row.ts";
import { NumberColumn } from "./number-column.ts";
import { type ArenaSink, type PackedRows, RowPacker } from "./packed-rows.ts";
import { type PrefixStats, PrefixSurvey } from "./prefix-survey.ts";
import { isRecipeAlone, RecipeWriter } from "./recipe-wire.ts";

export interface LoadedTurns {
  /** Each a `Turn` as bytes, conversation and turn unset, in the order of the file. */
  readonly turns: PackedRows;
  readonly conversations: ConversationIndex;
  /** Pause before each turn, in the order of `turns`; undefined: none has any. */
  readonly delaysMs: Float64Array<ArrayBuffer> | undefined;
  /** Moment of each turn in the file's own schedule, in the order of `turns`, NaN where it has none; undefined: none has any. */
  readonly timestampsMs: Float64Array<ArrayBuffer> | undefined;
  /** Of each conversation in weighted draws; undefined: none says any. */
  readonly weights: Float64Array<ArrayBuffer> | undefined;
  /** Conversations that begin others, or send nothing; empty: none does. */
  readonly branching: readonly BranchingConversation[];
  /** Of the turns that name an output length. */
  readonly outputTokens: { readonly sum: number; readonly count: number };
  /** Of the turns whose prompts are made of recipes. */
  readonly recipeTokens: { readonly sum: number; readonly count: number };
  /** What the turns' prompts have in common, turns in their order; undefined: none names blocks. */
  readonly prefixes: PrefixStats | undefined;
  /** Pauses that were cut to the longest that is taken. */
  readonly cutDelays: number;
  /** How many turns have a medium of each kind that there is. */
  readonly mediaTurns: Readonly<Partial<Record<Medium, number>>>;
  /** Kinds of checks that turns ask for, in the order in which they came. */
  readonly checks: readonly CheckKind[];
}

/** What becomes of the times that rows say. */
export interface RowTimes {
  /** They are left out. */
  readonly ignoresDelays?: boolean;
  /** Longest pause, ms. Default: as they are. */
  readonly maxDelayMs?: number;
}

/** A turn fits into a message of the suite, beside others that are sent with it. */
const maxTurnBytes = 15 << 20;

export class TurnCollector {
  readonly #maxConversations: number;
  readonly #times: RowTimes;
  readonly #recipes = new RecipeWriter();
  readonly #packer: RowPacker;
  readonly #indexer = new ConversationIndexer();
  readonly #delaysMs = new NumberColumn(0);
  readonly #timestampsMs = new NumberColumn(Number.NaN);
  readonly #weights = new NumberColumn(1);
  /** Conversations by their sessions' ids. */
  readonly #sessions = new Map<string, number>();
  readonly #branching = new Map<number, RowBranching>();
  readonly #outputTokens = { sum: 0, count: 0 };
  readonly #recipeTokens = { sum: 0, count: 0 };
  readonly #prefixes = new PrefixSurvey();
  readonly #mediaTurns: Partial<Record<Medium, number>> = {};
  readonly #checks = new Set<CheckKind>();
  #cutDelays = 0;
  #lackingChecks = 0;
  #idleDelays = 0;

  /**
   * @param maxConversations of rows that begin more conversations than these nothing is kept
   * @param times what becomes of the times that rows say; default: they are kept
   * @param sink where the turns go; default: memory
   */
  constructor(maxConversations: number, times: RowTimes = {}, sink?: ArenaSink) {
    this.#maxConversations = maxConversations;
    this.#times = times;
    this.#packer = new RowPacker(sink);
  }

  get conversations(): number {
    return this.#indexer.size;
  }

  /** No row that may come is kept. */
  get isFull(): boolean {
    return this.hasAllConversations && this.#sessions.size === 0;
  }

  /** Only rows of sessions that have begun are kept. */
  get hasAllConversations(): boolean {
    return this.#indexer.size >= this.#maxConversations;
  }

  /** Rows of this session have been kept. */
  knows(sessionId: string | undefined): boolean {
    return sessionId !== undefined && this.#sessions.has(sessionId);
  }

  /** Undefined: taken, or none of those that are wanted. Otherwise why nothing of the row was taken. */
  add({ sessionId, turns, weight = 1, branching }: Row): string | undefined {
    const known = sessionId === undefined ? undefined : this.#sessions.get(sessionId);
    if (known === undefined && branching === undefined && this.hasAllConversations) return undefined;
    const tooLong = turns.findIndex((turn) => isLong(turn) && this.#bytesOf(turn, "").length > maxTurnBytes);
    if (tooLong >= 0) return `turn ${tooLong + 1} of ${turns.length} is longer than the ${maxTurnBytes} bytes that are sent`;
    const conversation = known ?? this.#indexer.size;
    if (known === undefined) this.#weights.add(weight);
    if (sessionId !== undefined) this.#sessions.set(sessionId, conversation);
    if (branching !== undefined) this.#branching.set(conversation, branching);
    const [first, ...rest] = turns;
    const isFirst = known === undefined && !branching?.isBegun && !branching?.isSilent;
    if (isFirst && first.delayMs > 0) this.#idleDelays++;
    this.#addTurn(isFirst ? { ...first, delayMs: 0 } : first, conversation, sessionId);
    for (const turn of rest) this.#addTurn(turn, conversation, sessionId);
    return undefined;
  }

  /** What has no effect, for people, one line each. */
  notes(): readonly string[] {
    const count = this.#idleDelays;
    const idle = `the delay before the first turn of ${count} conversation${count === 1 ? "" : "s"} has no effect: it follows nothing`;
    const lacking = this.#lackingChecks;
    const unchecked = `${lacking} turn${lacking === 1 ? "" : "s"} expected something and named no check, and the run has none (--check): not checked`;
    const early = this.#earlyTurns();
    const turns = early === 1 ? "1 turn has a timestamp" : `${early} turns have timestamps`;
    const backwards = `${turns} before that of the turn before: by the file's times they follow its answer at once`;
    return [...(count === 0 ? [] : [idle]), ...(early === 0 ? [] : [backwards]), ...(lacking === 0 ? [] : [unchecked])];
  }

  /** Turns whose moment lies before that of their conversation's turn before, of those that have one. */
  #earlyTurns(): number {
    const timestampsMs = this.#timestampsMs.values();
    const index = this.#indexer.index();
    if (timestampsMs === undefined || index.firstTurnOf === undefined) return 0;
    let early = 0;
    for (let conversation = 0; conversation < index.size; conversation++) {
      let beforeMs = Number.NEGATIVE_INFINITY;
      for (let turn = 0; turn < turnsOf(index, conversation); turn++) {
        const ms = timestampsMs[rowOfTurn(index, conversation, turn)] ?? Number.NaN;
        if (ms < beforeMs) early++;
        if (!Number.isNaN(ms)) beforeMs = ms;
      }
    }
    return early;
  }

  loaded(): LoadedTurns {
    return {
      turns: this.#packer.packed(),
      conversations: this.#indexer.index(),
      delaysMs: this.#delaysMs.values(),
      timestampsMs: this.#timestampsMs.values(),
      weights: this.#weights.values(),
      branching: this.#branchingConversations(),
      outputTokens: this.#outputTokens,
      recipeTokens: this.#recipeTokens,
      prefixes: this.#prefixes.stats(),
      cutDelays: this.#cutDelays,
      mediaTurns: this.#mediaTurns,
      checks: [...this.#checks],
    };
  }

  #branchingConversations(): BranchingConversation[] {
    const all = [...this.#branching].map(([conversation, { branches, isSilent, spread }]) => ({
      conversation,
      isSilent,
      spread: spread && this.#bounded(spread),
      branches: branches.map((branch) => ({ ...branch, children: branch.children.map((child) => this.#sessionOf(child)) })),
    }));
    return all.filter(({ branches, isSilent }) => isSilent || branches.length > 0);
  }

  #bounded(spread: PauseSpread): PauseSpread {
    const { maxDelayMs } = this.#times;
    if (maxDelayMs === undefined) return spread;
    const bound = (ms: number | undefined): number => Math.min(ms ?? maxDelayMs, maxDelayMs);
    return { ...spread, minMs: spread.minMs && bound(spread.minMs), maxMs: bound(spread.maxMs) };
  }

  /** Throws for a session that no row has. */
  #sessionOf(name: string): number {
    const session = this.#sessions.get(name);
    if (session === undefined) throw new AssayError("internal", `there is no session ${name}`);
    return session;
  }

  #addTurn(given: RowTurn, conversation: number, sessionId: string | undefined): void {
    const turn = this.#timed(given);
    const { maxOutputTokens, delayMs, timestampMs, recipe, expectation, lacksCheck } = turn;
    this.#packer.add(this.#bytesOf(turn, sessionId ?? ""));
    for (const medium of mediaOf(turn)) this.#mediaTurns[medium] = (this.#mediaTurns[medium] ?? 0) + 1;
    if (recipe !== undefined) {
      this.#recipeTokens.sum += recipe.inputTokens;
      this.#recipeTokens.count++;
      this.#prefixes.add(recipe);
    }
    if (expectation !== undefined) this.#checks.add(expectation.check);
    if (lacksCheck) this.#lackingChecks++;
    this.#indexer.add(conversation);
    this.#delaysMs.add(delayMs);
    this.#timestampsMs.add(timestampMs ?? Number.NaN);
    if (maxOutputTokens === undefined) return;
    this.#outputTokens.sum += maxOutputTokens;
    this.#outputTokens.count++;
  }

  #timed(turn: RowTurn): RowTurn {
    const { ignoresDelays = false, maxDelayMs = Number.POSITIVE_INFINITY } = this.#times;
    if (ignoresDelays) return { ...turn, delayMs: 0, timestampMs: undefined };
    if (turn.delayMs <= maxDelayMs) return turn;
    this.#cutDelays++;
    return { ...turn, delayMs: maxDelayMs };
  }

  #bytesOf(turn: RowTurn, conversationId: string): Uint8Array {
    if (isRecipeAlone(turn)) return this.#recipes.turn(turn, conversationId);
    return toBinary(TurnSchema, create(TurnSchema, { ...wireOf(turn), conversationId }));
  }
}

function mediaOf({ messages }: RowTurn): ReadonlySet<Medium> {
  const media = new Set<Medium>();
  for (const { parts = [] } of messages) for (const { modality } of parts) if (modality !== "text") media.add(modality);
  return media;
}

function wireOf({
  messages,
  maxOutputTokens,
  model,
  extraInputs,
  timestampMs,
  rawBody,
  recipe,
  tensors = [],
  expectedTensors,
  ...turn
}: RowTurn): MessageInitShape<typeof TurnSchema> {
  return {
    messages: messages.map(wireMessageOf),
    maxOutputTokens: maxOutputTokens ?? 0,
    model: model ?? "",
    delayMs: turn.delayMs,
    headers: { ...turn.headers },
    toolsJson: turn.toolsJson ?? "",
    ...(turn.expectation === undefined ? {} : { expectation: { ...turn.expectation, values: [...turn.expectation.values] } }),
    ...(expectedTensors === undefined
      ? {}
      : { expectation: { check: "tensors", tensors: expectedTensors.map(writeTurnTensor) } }),
    tensors: tensors.map(writeTurnTensor),
    isSelfContained: turn.isSelfContained ?? false,
    resetsHistory: turn.resetsHistory ?? false,
    bringsAnswers: turn.bringsAnswers ?? false,
    rowGroup: turn.rowGroup ?? "",
    ...(timestampMs === undefined ? {} : { timestampMs }),
    ...(extraInputs === undefined ? {} : { extraInputs }),
    ...(rawBody === undefined ? {} : { rawBody: new TextEncoder().encode(rawBody) }),
    ...(recipe === undefined ? {} : { recipe: { ...recipe, blockIds: recipe.blockIds.map(BigInt) } }),
  };
}

/** The buffers of loaded turns that can be handed over to another thread; they are then gone here. */
export function transferableTurns({ conversations, delaysMs, timestampsMs, weights }: LoadedTurns): ArrayBuffer[] {
  const { firstTurnOf, rowOf } = conversations;
  return [firstTurnOf, rowOf, delaysMs, timestampsMs, weights].flatMap((array) => (array === undefined ? [] : [array.buffer]));
}

/** It may be too long; sure is what its bytes say, which take a while to make. */
function isLong({ messages, rawBody = "", toolsJson = "", tensors = [], expectedTensors = [] }: RowTurn): boolean {
  if (tensors.length + expectedTensors.length > 0) return true;
  const chars = ({ content, parts = [], json = "" }: RowTurn["messages"][number]): number =>
    parts.reduce((sum, part) => sum + part.content.length, content.length + json.length);
  // A UTF-16 unit takes three bytes at most; the rest of a turn is small beside its texts.
  return (
    3 * messages.reduce((sum, message) => sum + chars(message), rawBody.length + toolsJson.length) > maxTurnBytes - (1 << 20)
  );
}
