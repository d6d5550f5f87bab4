/** What rows of texts say of their sessions. `weight`, `group` and `context_mode` are Assay's own: AIPerf's rows have no such fields. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { isGiven, isName, type RowProblem, type RowTurn, shownValue } from "./row.ts";

export const sessionFields: readonly string[] = ["session_id", "weight", "group"];

const contextModes = ["deltas_without_responses", "deltas_with_responses", "message_array_with_responses"] as const;

/**
 * How turns follow each other: each adds to what was said, the target's answers included; it adds to what was said, the answers being
 * turns of the role assistant; or it is sent as it is, without what was said.
 */
export type ContextMode = (typeof contextModes)[number];

const mostGroupChars = 256;

/** The session that a row names and its weight, or what is wrong with these or with its group. */
export function readSession(
  row: JsonObject,
): { readonly sessionId: string | undefined; readonly weight?: number } | { readonly problem: RowProblem } {
  const { session_id: sessionId, weight, group } = row;
  if (isGiven(sessionId) && !isName(sessionId)) {
    return { problem: { field: "session_id", message: `expected a text that is not empty, got ${shownValue(sessionId)}` } };
  }
  if (isGiven(weight) && !isWeight(weight)) {
    return {
      problem: { field: "weight", message: `expected a number above 0, at most ${maxWeight}, got ${shownValue(weight)}` },
    };
  }
  if (isGiven(group) && !isGroup(group)) {
    const message = `expected a text that is not empty, of at most ${mostGroupChars} characters, got ${shownValue(group)}`;
    return { problem: { field: "group", message } };
  }
  return { sessionId: isName(sessionId) ? sessionId : undefined, ...(isWeight(weight) ? { weight } : {}) };
}

/** The turns of a row, in the group that it names. */
export function inGroup({ group }: JsonObject, turns: readonly [RowTurn, ...RowTurn[]]): readonly [RowTurn, ...RowTurn[]] {
  if (!isGroup(group)) return turns;
  const [first, ...rest] = turns;
  return [{ ...first, rowGroup: group }, ...rest.map((turn) => ({ ...turn, rowGroup: group }))];
}

export function readContextMode({ context_mode: mode }: JsonObject): ContextMode | RowProblem {
  if (!isGiven(mode)) return "deltas_without_responses";
  const known = contextModes.find((name) => name === mode);
  return known ?? { field: "context_mode", message: `expected ${contextModes.join(", ")}, got ${shownValue(mode)}` };
}

/** The requests of a session whose turns come in a mode; undefined: there is none among them. */
export function inContext(
  turns: readonly [RowTurn, ...RowTurn[]],
  mode: ContextMode,
): readonly [RowTurn, ...RowTurn[]] | undefined {
  switch (mode) {
    case "deltas_without_responses":
      return turns;
    case "message_array_with_responses": {
      const [first, ...rest] = turns;
      return [alone(first), ...rest.map(alone)];
    }
    case "deltas_with_responses":
      return withAnswers(turns);
  }
}

function alone(turn: RowTurn): RowTurn {
  return { ...turn, isSelfContained: true };
}

/** Answers go in front of the question that follows them; those behind the last question are not needed. */
function withAnswers(turns: readonly RowTurn[]): readonly [RowTurn, ...RowTurn[]] | undefined {
  const asked: RowTurn[] = [];
  let before: RowTurn["messages"] = [];
  for (const turn of turns) {
    if (turn.messages.every(({ role }) => role === "assistant")) {
      before = [...before, ...turn.messages];
      continue;
    }
    asked.push({ ...turn, messages: [...before, ...turn.messages], bringsAnswers: true });
    before = [];
  }
  const [first, ...rest] = asked;
  return first && [first, ...rest];
}

function isGroup(value: unknown): value is string {
  return isName(value) && value.length <= mostGroupChars;
}

function isWeight(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= maxWeight;
}

const maxWeight = 1e9;
