/**
 * AIPerf's `multi_turn`: a row is a conversation, `{"session_id": "a", "turns": [{"text": "…"}, {"text": "…", "delay": 500}]}`, each
 * turn sent with what was said before. A system text at its beginning that says nothing else is no turn of its own: it goes in front
 * of the first one, unless that is one of the system, too.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { isGiven, type ReadRow, type Row, type RowProblem, type RowTurn, shownValue } from "./row.ts";
import { inContext, inGroup, readContextMode, readSession, sessionFields } from "./session-fields.ts";
import { readTurn, type TurnOptions, turnFields } from "./turn.ts";

const rowFields: readonly string[] = ["type", ...sessionFields, "context_mode", "turns"];

export const multiTurnFormat: Format = {
  name: "multi_turn",
  fields: [...rowFields, ...turnFields],
  textFields: ["session_id", "group", "type"],
  recognizes: (row) => Array.isArray(row.turns),
  createReader: ({ check }, { readMedia, problemOf }) => ({
    read: (row) => readMultiTurn(row, { readMedia, expectations: { check, problemOf } }),
  }),
};

/** What a system text may not say to belong to the turn after it. */
const ownFields = ["timestamp", "delay", "output_length", "extra", "model", "headers", "reset_context", "expected"] as const;

function readMultiTurn(row: JsonObject, options: TurnOptions): ReadRow {
  const { type, turns } = row;
  if (isGiven(type) && type !== "multi_turn") return wrong("type", `expected "multi_turn", got ${shownValue(type)}`);
  const session = readSession(row);
  if ("problem" in session) return session;
  const mode = readContextMode(row);
  if (typeof mode !== "string") return { problem: mode };
  if (!Array.isArray(turns)) return wrong("turns", `expected a list of turns, got ${shownValue(turns)}`);
  const unknownFields = new Set(Object.keys(row).filter((field) => !rowFields.includes(field)));
  const read: RowTurn[] = [];
  for (const [index, fields] of turns.entries()) {
    const one = readOne(fields, `turns[${index}]`, { ...options, unknownFields });
    if ("problem" in one) return one;
    read.push(one.turn);
  }
  const [first, second, ...rest] = read;
  if (first === undefined) return wrong("turns", "expected at least one turn, got []");
  const isPreface = second?.messages[0]?.role !== "system" && isSystemText(first) && saysNothingElse(turns[0]);
  const kept: Row["turns"] =
    isPreface && second !== undefined
      ? [{ ...second, messages: [...prefaceOf(first), ...second.messages] }, ...rest]
      : [first, ...read.slice(1)];
  const requests = inContext(kept, mode);
  if (requests === undefined) return wrong("turns", "expected a question, got answers alone");
  return { row: { ...session, turns: inGroup(row, requests), unknownFields: [...unknownFields] } };
}

function wrong(field: string, message: string): { readonly problem: RowProblem } {
  return { problem: { field, message } };
}

/** Reads one turn, and notes the fields of it that there are not. */
function readOne(
  fields: unknown,
  at: string,
  { unknownFields, ...options }: TurnOptions & { readonly unknownFields: Set<string> },
): ReturnType<typeof readTurn> {
  if (!isJsonObject(fields)) {
    return { problem: { field: "turns", shownField: at, message: `expected an object, got ${shownValue(fields)}` } };
  }
  const read = readTurn(fields, options);
  if ("problem" in read) {
    const { field, message } = read.problem;
    return { problem: { field: "turns", shownField: field === undefined ? at : `${at}.${field}`, message } };
  }
  for (const field of Object.keys(fields)) if (!turnFields.includes(field)) unknownFields.add(`turns.${field}`);
  return read;
}

function isSystemText({ messages: [message] }: RowTurn): boolean {
  return message?.role === "system" && (message.parts ?? []).every(({ modality }) => modality === "text");
}

/** As one text, whatever number of texts it was. */
function prefaceOf({ messages }: RowTurn): RowTurn["messages"] {
  return messages.map(({ role, content }) => ({ role, content }));
}

function saysNothingElse(fields: unknown): boolean {
  return isJsonObject(fields) && ownFields.every((field) => !isGiven(fields[field]));
}
