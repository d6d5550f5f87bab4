/**
 * AIPerf's `single_turn`: a row is a turn. Rows that name the same session are sent one after the other, each with its own text
 * alone: what was said before is not put in front of it.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { contentNames } from "./content.ts";
import type { Format } from "./format.ts";
import { isGiven, type ReadRow, shownValue } from "./row.ts";
import { inGroup, readSession, sessionFields } from "./session-fields.ts";
import { readTurn, type TurnOptions, turnFields } from "./turn.ts";

const fields: readonly string[] = ["type", ...sessionFields, ...turnFields];

export const singleTurnFormat: Format = {
  name: "single_turn",
  fields,
  textFields: ["text", "image", "audio", "video", "role", "model", "session_id", "group", "type", "expected", "check"],
  recognizes: (row) => contentNames.some((field) => isGiven(row[field])) && row.turns === undefined,
  createReader: ({ check }, { readMedia, problemOf }) => ({
    read: (row) => readSingleTurn(row, { readMedia, expectations: { check, problemOf } }),
  }),
};

function readSingleTurn(row: JsonObject, options: TurnOptions): ReadRow {
  const { type } = row;
  if (isGiven(type) && type !== "single_turn") {
    return { problem: { field: "type", message: `expected "single_turn", got ${shownValue(type)}` } };
  }
  const session = readSession(row);
  if ("problem" in session) return session;
  const read = readTurn(row, options);
  if ("problem" in read) return read;
  const unknownFields = Object.keys(row).filter((field) => !fields.includes(field));
  return {
    row: {
      ...session,
      turns: inGroup(row, [{ ...read.turn, isSelfContained: true }]),
      unknownFields,
    },
  };
}
