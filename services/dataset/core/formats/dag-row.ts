/** One row of `dag_jsonl`: what it says by itself. What needs the other rows is looked at in `dag-tree.ts`. */
import type { JsonObject as JsonFields } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { PauseSpread } from "../../../common/session-branches.ts";
import { readMessage } from "./chat-message.ts";
import { readBranches } from "./dag-branches.ts";
import { readSpawner, spawnerFields } from "./dag-spawner.ts";
import { type DagRead, isPause, isWhole, notAField, readNames, unknownField, wrong } from "./dag-values.ts";
import { isGiven, isName, type RowBranch, type RowTurn, shownValue } from "./row.ts";
import { type ContextMode, readContextMode } from "./session-fields.ts";

const turnFields = ["messages", "model", "max_tokens", "tools", "extra", "forks", "spawns", "delay"] as const;
const rowFields = [
  "type",
  "session_id",
  "turns",
  "context_mode",
  "pre_session_spawns",
  "orchestrator",
  ...spawnerFields,
] as const;

/** Every field that a row or a turn may have. */
export const dagFields: readonly string[] = [...rowFields, ...turnFields];

const maxTokens = 10_000_000;

/** A conversation as a row says it. */
export interface DagConversation {
  readonly sessionId: string;
  readonly turns: readonly [RowTurn, ...RowTurn[]];
  /** In the order of their turns. */
  readonly branches: readonly RowBranch[];
  readonly mode: ContextMode;
  readonly isSilent: boolean;
  readonly spread?: PauseSpread | undefined;
}

/** Reads one row. Pure, never throws. */
export function readDagRow(row: JsonObject): DagRead<DagConversation> {
  const { type, session_id: sessionId, orchestrator } = row;
  const unknown = unknownField(row, rowFields);
  if (unknown !== undefined) return wrong(unknown, notAField(unknown, rowFields));
  if (isGiven(type) && type !== "dag_jsonl") return wrong("type", `expected "dag_jsonl", got ${shownValue(type)}`);
  if (!isName(sessionId)) return wrong("session_id", `expected a text that is not empty, got ${shownValue(sessionId)}`);
  if (isGiven(orchestrator) && typeof orchestrator !== "boolean") {
    return wrong("orchestrator", `expected true or false, got ${shownValue(orchestrator)}`);
  }
  const mode = readContextMode(row);
  if (typeof mode !== "string") return { problem: mode };
  if (orchestrator === true) {
    const spawner = readSpawner(row);
    return "problem" in spawner ? spawner : { value: { sessionId, mode, isSilent: true, ...spawner.value } };
  }
  const misplaced = spawnerFields.find((field) => isGiven(row[field]));
  if (misplaced !== undefined) return wrong(misplaced, "only a row with orchestrator: true has this field");
  return readSpeaker(row, sessionId, mode);
}

/** A conversation that sends requests. */
function readSpeaker(row: JsonObject, sessionId: string, mode: ContextMode): DagRead<DagConversation> {
  const { turns, pre_session_spawns: before } = row;
  if (!Array.isArray(turns) || turns.length === 0) {
    return wrong("turns", `expected a list of turns that is not empty, got ${shownValue(turns)}`);
  }
  const branches: RowBranch[] = [];
  const together = isGiven(before) ? readNames(before, "pre_session_spawns", "pre_session_spawns") : { value: [] };
  if ("problem" in together) return together;
  if (together.value.length > 0) branches.push({ mode: "spawn", afterTurn: -1, children: together.value, joinAt: undefined });
  const read: RowTurn[] = [];
  for (const [index, fields] of turns.entries()) {
    const one = readTurn(fields, { index, count: turns.length, isAlone: mode === "message_array_with_responses" });
    if ("problem" in one) return one;
    read.push(one.value.turn);
    branches.push(...one.value.branches);
  }
  const [first, ...rest] = read.map((turn) => inMode(turn, mode));
  // A list that is not empty was read.
  return { value: { sessionId, mode, branches, turns: [first as RowTurn, ...rest], isSilent: false } };
}

/** Turns keep their places: branches are named by them. */
function inMode(turn: RowTurn, mode: ContextMode): RowTurn {
  switch (mode) {
    case "deltas_without_responses":
      return turn;
    case "deltas_with_responses":
      return { ...turn, bringsAnswers: true };
    case "message_array_with_responses":
      return { ...turn, isSelfContained: true };
  }
}

interface TurnPlace {
  readonly index: number;
  readonly count: number;
  /** Sent without what was said before. */
  readonly isAlone: boolean;
}

function readTurn(
  fields: unknown,
  place: TurnPlace,
): DagRead<{ readonly turn: RowTurn; readonly branches: readonly RowBranch[] }> {
  const at = `turns[${place.index}]`;
  if (!isJsonObject(fields)) return wrong("turns", `expected an object, got ${shownValue(fields)}`, at);
  const unknown = unknownField(fields, turnFields);
  if (unknown !== undefined) return wrong("turns", notAField(unknown, turnFields), `${at}.${unknown}`);
  for (const [field, expected, isRight] of rules) {
    const value = fields[field];
    const message = `expected ${expected}, got ${shownValue(value)}`;
    if (isGiven(value) && !isRight(value)) return wrong("turns", message, `${at}.${field}`);
  }
  const messages = readMessages(fields.messages, place);
  if ("problem" in messages) return messages;
  const branches = readBranches(fields, place.index, place.count);
  if ("problem" in branches) return branches;
  const { model, max_tokens: length, tools, extra, delay } = fields;
  return {
    value: {
      turn: {
        messages: messages.value,
        maxOutputTokens: typeof length === "number" ? length : undefined,
        model: typeof model === "string" ? model : undefined,
        // Parsed from JSON, so that nothing else can be in it.
        extraInputs: isJsonObject(extra) ? (extra as JsonFields) : undefined,
        delayMs: typeof delay === "number" ? delay : 0,
        timestampMs: undefined,
        ...(Array.isArray(tools) && tools.length > 0 ? { toolsJson: JSON.stringify(tools) } : {}),
      },
      branches: branches.value,
    },
  };
}

const rules: readonly (readonly [field: string, expected: string, isRight: (value: unknown) => boolean])[] = [
  ["model", "a text that is not empty", isName],
  ["max_tokens", `a whole number from 1 to ${maxTokens}`, (value) => isWhole(value) && value >= 1 && value <= maxTokens],
  ["tools", "a list of objects", (value) => Array.isArray(value) && value.every(isJsonObject)],
  ["extra", "an object", isJsonObject],
  ["delay", "milliseconds from 0 to a week", isPause],
  ["forks", "a list", Array.isArray],
  ["spawns", "a list", Array.isArray],
];

function readMessages(messages: unknown, { index, isAlone }: TurnPlace): DagRead<RowTurn["messages"]> {
  const at = `turns[${index}].messages`;
  if (!Array.isArray(messages) || messages.length === 0) {
    return wrong("turns", `expected a list of messages that is not empty, got ${shownValue(messages)}`, at);
  }
  const read: RowTurn["messages"][number][] = [];
  for (const [nth, message] of messages.entries()) {
    const taken = readMessage(message);
    if (typeof taken === "string") return wrong("turns", taken, `${at}[${nth}]`);
    if (taken.role === "system" && (isAlone ? nth > 0 : index > 0)) {
      const expected = isAlone ? "the first message of its turn" : "in the first turn of its session";
      return wrong("turns", `a system message has to be ${expected}: templates leave others out`, `${at}[${nth}]`);
    }
    read.push(taken);
  }
  return { value: read };
}
