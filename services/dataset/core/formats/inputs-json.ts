/**
 * AIPerf's `inputs.json`, which Assay writes, too: `{"data": [{"session_id": "a", "payloads": [{…}, {…}]}]}`. A session is a conversation,
 * its payloads are the bodies of its turns, sent as they are.
 */
import { isJsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { isName, type ReadRow, type Row, shownValue } from "./row.ts";
import { turnOfBody } from "./whole-body.ts";

const sessionFields = ["session_id", "payloads"];

export const inputsJsonFormat: Format = {
  name: "inputs_json",
  fields: ["data", ...sessionFields],
  recognizes: ({ data }) => Array.isArray(data) && isJsonObject(data[0]) && Array.isArray(data[0].payloads),
  createReader: () => {
    const names = new Set<string>();
    return { read: ({ data, ...others }) => readInputs(data, Object.keys(others), names) };
  },
};

function readInputs(data: unknown, others: readonly string[], names: Set<string>): ReadRow {
  if (!Array.isArray(data) || data.length === 0) return wrong("data", `expected a list of sessions, got ${shownValue(data)}`);
  const rows: Row[] = [];
  const unknownFields = new Set(others);
  for (const [index, session] of data.entries()) {
    const read = readSession(session, `data[${index}]`, names);
    if ("problem" in read) return read;
    for (const field of read.unknown) unknownFields.add(`data.${field}`);
    rows.push(read.row);
  }
  const [first, ...rest] = rows;
  return { row: first && { ...first, unknownFields: [...unknownFields] }, others: rest };
}

function readSession(session: unknown, at: string, names: Set<string>) {
  if (!isJsonObject(session)) return wrong(at, `expected an object, got ${shownValue(session)}`);
  const { session_id: id, payloads } = session;
  if (!isName(id)) return wrong(`${at}.session_id`, `expected a text that is not empty, got ${shownValue(id)}`);
  if (names.has(id)) return wrong(`${at}.session_id`, `there is a session ${shownValue(id)} before it`);
  if (!Array.isArray(payloads)) return wrong(`${at}.payloads`, `expected a list of bodies, got ${shownValue(payloads)}`);
  const wrongAt = payloads.findIndex((payload) => !isJsonObject(payload) || Object.keys(payload).length === 0);
  if (wrongAt >= 0) {
    return wrong(`${at}.payloads[${wrongAt}]`, `expected an object that is not empty, got ${shownValue(payloads[wrongAt])}`);
  }
  const [first, ...rest] = payloads.filter(isJsonObject).map((payload) => turnOfBody(payload));
  if (first === undefined) return wrong(`${at}.payloads`, "expected at least one body, got []");
  names.add(id);
  const row: Row = { sessionId: id, turns: [first, ...rest], unknownFields: [] };
  return { row, unknown: Object.keys(session).filter((field) => !sessionFields.includes(field)) };
}

function wrong(shownField: string, message: string) {
  return { problem: { field: "data", shownField, message } } as const;
}
