/**
 * AIPerf's `bailian_trace`, the traces of Alibaba's Bailian: `{"chat_id": 159, "parent_chat_id": -1, "timestamp": 61.114,
 * "input_length": 521, "output_length": 132, "type": "text", "turn": 1, "hash_ids": [1089, 1090]}`.
 *
 * - `timestamp` is seconds. The prompt of `input_length` is made; a block has 16 tokens, else as in `mooncake_trace`.
 * - Rows are one session whose `parent_chat_id`s lead to the same first row: one whose parent is -1 or not in the file. They are sent
 *   in the order of `turn`, in that of the file where that is the same, each with what was said before.
 * - `type` is what the request was about (text, search, image, file); it has no effect.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { NumberColumn } from "../number-column.ts";
import type { Format } from "./format.ts";
import { isGiven, type PromptRecipe, type ReadRow, type Row } from "./row.ts";
import {
  isWhole,
  readBlockIds,
  readInputTokens,
  readOutputTokens,
  readTimestamp,
  recipeOfBlocks,
  rowOfRequest,
  unexpected,
  unknownFieldsOf,
} from "./trace-fields.ts";

const known: ReadonlySet<string> = new Set([
  "chat_id",
  "parent_chat_id",
  "timestamp",
  "input_length",
  "output_length",
  "type",
  "turn",
  "hash_ids",
]);
const defaultBlockTokens = 16;
const noParent = -1;

export const bailianTraceFormat: Format = {
  name: "bailian_trace",
  fields: [...known],
  hasBlocks: true,
  takes: ["block_tokens"],
  recognizes: (row) => isGiven(row.chat_id) && isGiven(row.timestamp),
  createReader: ({ blockTokens = defaultBlockTokens }) => {
    const chats = new Chats(blockTokens);
    return { read: (row) => chats.read(row), finish: () => chats.rows() };
  },
};

/** The rows of a file, in columns, until their sessions are known. */
class Chats {
  readonly #blockTokens: number;
  /** Row of each chat; of a name that stands twice, the last. */
  readonly #rowOfChat = new Map<number, number>();
  readonly #chat = new NumberColumn(Number.NaN);
  readonly #parent = new NumberColumn(noParent);
  readonly #turn = new NumberColumn(1);
  readonly #timestampMs = new NumberColumn(Number.NaN);
  readonly #inputTokens = new NumberColumn(0);
  readonly #outputTokens = new NumberColumn(0);
  /** Ids of all rows, one after the other, and where those of each row end. */
  readonly #ids = new NumberColumn(0);
  readonly #idsEnd = new NumberColumn(0);
  readonly #unknown = new Map<number, readonly string[]>();
  #size = 0;
  #idsSize = 0;

  constructor(blockTokens: number) {
    this.#blockTokens = blockTokens;
  }

  read(row: JsonObject): ReadRow {
    const { chat_id: chat, parent_chat_id: parent = noParent, turn = 1 } = row;
    if (!isWhole(chat, 0, Number.MAX_SAFE_INTEGER)) return unexpected("chat_id", "a whole number from 0", chat);
    if (!isWhole(parent, noParent, Number.MAX_SAFE_INTEGER))
      return unexpected("parent_chat_id", "a whole number from -1", parent);
    if (!isWhole(turn, 0, Number.MAX_SAFE_INTEGER)) return unexpected("turn", "a whole number from 0", turn);
    if (!isGiven(row.timestamp)) return unexpected("timestamp", "a number of seconds", row.timestamp);
    const timestamp = readTimestamp(row, "timestamp", 1000);
    if ("problem" in timestamp) return timestamp;
    if (!isGiven(row.output_length)) return unexpected("output_length", "a whole number", row.output_length);
    const output = readOutputTokens(row, "output_length");
    if ("problem" in output) return output;
    const inputTokens = readInputTokens(row, "input_length");
    if ("problem" in inputTokens) return inputTokens;
    const ids = readBlockIds(row, "hash_ids");
    if ("problem" in ids) return ids;
    const recipe = recipeOfBlocks("input_length", inputTokens.value, ids.value, this.#blockTokens);
    if ("problem" in recipe) return recipe;
    this.#keep({ chat, parent, turn, timestampMs: timestamp.value ?? 0, outputTokens: output.value ?? 1 }, recipe.value);
    const unknown = unknownFieldsOf(row, known);
    if (unknown.length > 0) this.#unknown.set(this.#size - 1, unknown);
    return { row: undefined };
  }

  #keep(row: Readonly<Record<"chat" | "parent" | "turn" | "timestampMs" | "outputTokens", number>>, recipe: PromptRecipe): void {
    this.#rowOfChat.set(row.chat, this.#size);
    this.#chat.add(row.chat);
    this.#parent.add(row.parent);
    this.#turn.add(row.turn);
    this.#timestampMs.add(row.timestampMs);
    this.#outputTokens.add(row.outputTokens);
    this.#inputTokens.add(recipe.inputTokens);
    for (const id of recipe.blockIds) this.#ids.add(id);
    this.#idsSize += recipe.blockIds.length;
    this.#idsEnd.add(this.#idsSize);
    this.#size++;
  }

  /** Sessions in the order in which they begin. */
  *rows(): Generator<Row> {
    const sessions = new Map<number, number[]>();
    const roots = new Map<number, number>();
    for (let row = 0; row < this.#size; row++) {
      const root = this.#rootOf(this.#chat.at(row), roots);
      const rows = sessions.get(root);
      if (rows === undefined) sessions.set(root, [row]);
      else rows.push(row);
    }
    for (const [root, rows] of sessions) {
      if (rows.length > 1) rows.sort((one, other) => this.#turn.at(one) - this.#turn.at(other) || one - other);
      for (const row of rows) yield this.#rowAt(row, rows.length === 1 ? undefined : `${root}`);
    }
  }

  /** The chat that a chat's session begins with; `roots`: those that are known. */
  #rootOf(chat: number, roots: Map<number, number>): number {
    const path = new Set<number>();
    let root = chat;
    // Chats that are each other's parents have no first one: the one that the walk comes back to is taken for it.
    for (let at: number | undefined = chat; at !== undefined && !path.has(at); at = this.#parentOf(at)) {
      path.add(at);
      root = roots.get(at) ?? at;
      if (root !== at) break;
    }
    for (const passed of path) roots.set(passed, root);
    return root;
  }

  /** Undefined: there is none in the file. */
  #parentOf(chat: number): number | undefined {
    const row = this.#rowOfChat.get(chat);
    const parent = row === undefined ? noParent : this.#parent.at(row);
    return this.#rowOfChat.has(parent) ? parent : undefined;
  }

  #rowAt(row: number, sessionId: string | undefined): Row {
    const end = this.#idsEnd.at(row);
    const start = row === 0 ? 0 : this.#idsEnd.at(row - 1);
    return rowOfRequest({
      sessionId,
      recipe: {
        inputTokens: this.#inputTokens.at(row),
        blockIds: Array.from({ length: end - start }, (_, index) => this.#ids.at(start + index)),
        blockTokens: this.#blockTokens,
      },
      maxOutputTokens: this.#outputTokens.at(row),
      timestampMs: this.#timestampMs.at(row),
      unknownFields: this.#unknown.get(row) ?? [],
    });
  }
}
