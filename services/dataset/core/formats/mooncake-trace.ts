/**
 * AIPerf's `mooncake_trace`: a row is a request, `{"timestamp": 0, "input_length": 655, "output_length": 52, "hash_ids": [0, 1]}`.
 *
 * - `timestamp` (ms), `delay` (ms after the answer before), `output_length`, `session_id`, `extra` (merged into the body).
 * - Exactly one of `input_length` (the prompt is made: of the blocks that `hash_ids` names, of its own text without them), `text_input`
 *   (the prompt), `messages` (with `tools`, as the API has them) and `payload` (the body as it is sent).
 * - A block has 512 tokens. Where the blocks have more tokens than the prompt, the last one is shorter; where they have less, the
 *   rest is the row's own.
 * - Rows of a session are deltas: each is sent with what was said before, the target's answers included. `messages` and `payload` are
 *   whole: they are sent as they are, and all rows of such a session have the same one of the two.
 */
import type { JsonObject as JsonFields } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format, ReaderOptions } from "./format.ts";
import { isGiven, isName, type ReadRow, type Row, type RowTurn, shownValue } from "./row.ts";
import {
  isWithin,
  maxDelayMs,
  type Read,
  readBlockIds,
  readInputTokens,
  readOutputTokens,
  readTimestamp,
  recipeOfBlocks,
  unexpected,
  unknownFieldsOf,
  wrong,
} from "./trace-fields.ts";
import { readMessages } from "./whole-messages.ts";

const inputs = ["input_length", "text_input", "messages", "payload"] as const;
const known: ReadonlySet<string> = new Set([
  "type",
  "session_id",
  "timestamp",
  "delay",
  "output_length",
  "hash_ids",
  "tools",
  "extra",
  ...inputs,
]);
const defaultBlockTokens = 512;

/** How the rows of a session say what is sent. */
type Mode = "made" | "messages" | "payload";

export const mooncakeTraceFormat: Format = {
  name: "mooncake_trace",
  fields: [...known],
  textFields: ["type", "session_id", "text_input"],
  hasBlocks: true,
  takes: ["block_tokens"],
  recognizes: (row) => ["input_length", "text_input", "payload"].some((field) => isGiven(row[field])) || isWhole(row),
  createReader: (options) => {
    const modes = new Map<string, Mode>();
    return { read: (row) => readMooncake(row, options, modes) };
  },
};

/** `messages` alone are raw_payload's, too; with what only a trace says they are a trace's. */
function isWhole(row: JsonObject): boolean {
  return Array.isArray(row.messages) && row.model === undefined && (isGiven(row.timestamp) || isGiven(row.output_length));
}

function readMooncake(row: JsonObject, options: ReaderOptions, modes: Map<string, Mode>): ReadRow {
  const { type, session_id: sessionId, delay } = row;
  if (isGiven(type) && type !== "mooncake_trace") return unexpected("type", '"mooncake_trace"', type);
  if (isGiven(sessionId) && !isName(sessionId)) return unexpected("session_id", "a text that is not empty", sessionId);
  const given = inputs.filter((field) => isGiven(row[field]));
  const [input, second] = given;
  if (input === undefined) return wrong(undefined, `expected one of ${inputs.join(", ")}, got ${shownValue(row)}`);
  if (second !== undefined) return wrong(second, `${input} and ${second} cannot be set together`);
  if (isGiven(row.hash_ids) && input !== "input_length") return wrong("hash_ids", "needs input_length");
  if (isGiven(row.tools) && input !== "messages") return wrong("tools", "needs messages");
  const timestamp = readTimestamp(row, "timestamp", 1);
  if ("problem" in timestamp) return timestamp;
  const output = readOutputTokens(row, "output_length");
  if ("problem" in output) return output;
  if (isGiven(delay) && !isWithin(delay, 0, maxDelayMs)) return unexpected("delay", `a number from 0 to ${maxDelayMs}`, delay);
  if (isGiven(row.extra) && !isJsonObject(row.extra)) return unexpected("extra", "an object", row.extra);
  const turn = readInput(row, input, options);
  if ("problem" in turn) return turn;
  const mode = input === "messages" || input === "payload" ? input : "made";
  const session = isName(sessionId) ? sessionId : undefined;
  const before = session === undefined ? mode : (modes.get(session) ?? mode);
  if (before !== mode) return wrong(input, `a session's rows have ${shownMode(before)} or ${shownMode(mode)}, not both`);
  if (session !== undefined && !modes.has(session)) modes.set(session, mode);
  return {
    row: {
      sessionId: session,
      turns: [
        {
          messages: noMessages,
          ...turn.value,
          maxOutputTokens: output.value,
          model: undefined,
          // Parsed from JSON, so that nothing else can be in it.
          extraInputs: isJsonObject(row.extra) ? (row.extra as JsonFields) : undefined,
          delayMs: typeof delay === "number" ? delay : 0,
          timestampMs: timestamp.value,
        },
      ],
      unknownFields: unknownFieldsOf(row, known),
    },
  };
}

const noMessages: Row["turns"][number]["messages"] = [];

function shownMode(mode: Mode): string {
  return mode === "made" ? "input_length and text_input" : mode;
}

type Input = Pick<RowTurn, "recipe" | "rawBody" | "toolsJson" | "isSelfContained"> & { readonly messages?: RowTurn["messages"] };

function readInput(
  row: JsonObject,
  input: (typeof inputs)[number],
  { blockTokens = defaultBlockTokens }: ReaderOptions,
): Read<Input> {
  switch (input) {
    case "input_length":
      return readLengths(row, blockTokens);
    case "text_input": {
      const text = row.text_input;
      if (typeof text !== "string" || text === "" || !text.isWellFormed()) {
        return unexpected("text_input", "a text that is not empty", text);
      }
      return { value: { messages: [{ role: "user", content: text }] } };
    }
    case "messages":
      return readWhole(row);
    case "payload": {
      const { payload } = row;
      if (!isJsonObject(payload) || Object.keys(payload).length === 0) {
        return unexpected("payload", "an object that is not empty", payload);
      }
      return { value: { rawBody: JSON.stringify(payload), isSelfContained: true } };
    }
  }
}

function readLengths(row: JsonObject, blockTokens: number): Read<Input> {
  const inputTokens = readInputTokens(row, "input_length");
  if ("problem" in inputTokens) return inputTokens;
  const ids = readBlockIds(row, "hash_ids");
  if ("problem" in ids) return ids;
  const recipe = recipeOfBlocks("input_length", inputTokens.value, ids.value, blockTokens);
  return "problem" in recipe ? recipe : { value: { recipe: recipe.value } };
}

function readWhole({ messages, tools }: JsonObject): Read<Input> {
  const read = readMessages(messages, "messages");
  if ("problem" in read) return read;
  if (isGiven(tools) && (!Array.isArray(tools) || tools.length === 0)) {
    return unexpected("tools", "a list of tools that is not empty", tools);
  }
  return { value: { ...read, isSelfContained: true, ...(isGiven(tools) ? { toolsJson: JSON.stringify(tools) } : {}) } };
}
