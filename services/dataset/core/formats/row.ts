/** What a row of a dataset file may say, whatever its format. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../../endpoints/endpoint.ts";
import type { GivenTensor } from "../../../../endpoints/kserve/tensor/given.ts";
import type { Expectation } from "../../../common/checks/expectation.ts";
import type { Branch, PauseSpread } from "../../../common/session-branches.ts";

/** One row that can be carried out: a conversation, or a piece of one. */
export interface Row {
  /** Rows of the same session are one conversation, in the order of the file; undefined: the row is one by itself. */
  readonly sessionId: string | undefined;
  readonly turns: readonly [RowTurn, ...RowTurn[]];
  /** How often its conversation is drawn beside others, above 0; absent: 1. The first row of a session says it. */
  readonly weight?: number;
  /** Absent: a conversation by itself. */
  readonly branching?: RowBranching;
  /** Fields that the format does not have. */
  readonly unknownFields: readonly string[];
}

/** How a conversation goes together with others. All of those are kept: whoever keeps a part of the rows has chosen before. */
export interface RowBranching {
  readonly branches: readonly RowBranch[];
  /** Its turns send nothing. */
  readonly isSilent: boolean;
  /** Absent: its pauses are as its turns say. */
  readonly spread?: PauseSpread | undefined;
  /** Another one begins it, so that its first turn has something to wait for. */
  readonly isBegun: boolean;
}

/** Children by the names of their sessions. */
export interface RowBranch extends Omit<Branch, "children"> {
  readonly children: readonly string[];
}

/** One turn of a row. */
export interface RowTurn {
  readonly messages: readonly ChatMessage[];
  /** Output length to ask for; undefined: the row names none. */
  readonly maxOutputTokens: number | undefined;
  readonly model: string | undefined;
  /** Merged into the body, last. */
  readonly extraInputs: JsonObject | undefined;
  /** Pause before the turn, after the one before returned; 0: none. */
  readonly delayMs: number;
  /** Moment in the file's own schedule; undefined: it has none. */
  readonly timestampMs: number | undefined;
  /** The body as it goes on the wire, instead of the messages: JSON text. */
  readonly rawBody?: string;
  /** Headers of the request, over the run's own of the same names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Tools that the request offers: a JSON array as in the target's API. */
  readonly toolsJson?: string;
  /** Sent with its own messages alone, whatever the session has said before. */
  readonly isSelfContained?: boolean;
  /** What the session has said before is forgotten before the turn. */
  readonly resetsHistory?: boolean;
  /** The answer to it is among the messages of the turns that follow: the target's own does not join the history. */
  readonly bringsAnswers?: boolean;
  /** That its figures are of. Absent: none. */
  readonly rowGroup?: string;
  /** Inputs of a model of tensors. Absent: none. */
  readonly tensors?: readonly GivenTensor[];
  /** What its outputs have to be. Absent: nothing is expected. */
  readonly expectedTensors?: readonly GivenTensor[];
  /** How the prompt is made when the turn is fetched; `messages` are then empty. */
  readonly recipe?: PromptRecipe;
  /** What the answer is held against; absent: nothing of its own. */
  readonly expectation?: Expectation;
  /** Something is expected of the answer, and neither the row nor the run says how that is checked. */
  readonly lacksCheck?: true;
}

/** What a turn asks for that says no more than its messages. */
export const bareTurn = {
  maxOutputTokens: undefined,
  model: undefined,
  extraInputs: undefined,
  delayMs: 0,
  timestampMs: undefined,
} as const;

/** How a prompt is made of a corpus whose text the file does not have. */
export interface PromptRecipe {
  /** Tokens of the prompt, from 1. */
  readonly inputTokens: number;
  /** Names of the blocks that it begins with: a block of the same name is the same text everywhere. Empty: its own text. */
  readonly blockIds: readonly number[];
  /** Tokens of a block; the last one of a prompt may be shorter. */
  readonly blockTokens: number;
}

/** Why a row cannot be carried out. */
export interface RowProblem {
  /** The field of the row that is wrong; undefined: the row as a whole. */
  readonly field: string | undefined;
  /** How the field is called where it is not the row's own, but within it: `turns[1].delay`. */
  readonly shownField?: string;
  readonly message: string;
}

/**
 * `row` undefined: it was taken, and what comes of it is told later, by `RowReader.finish`, or is nothing. `others`: what a document of
 * several conversations says besides.
 */
export type ReadRow = { readonly row: Row | undefined; readonly others?: readonly Row[] } | { readonly problem: RowProblem };

/** A row's value as an error names it, cut to what a line can hold. */
export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** A value that somebody gave: AIPerf takes null for nothing. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A text that names something. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.isWellFormed();
}
