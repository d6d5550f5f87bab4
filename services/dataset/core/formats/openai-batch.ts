/**
 * A batch of OpenAI's: `{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}` a row. The body is sent as it
 * is, under the name `custom_id`, to the run's target. Rows of another API than the run's are refused: a run has one. `expected` and
 * `check` beside the body (`expectation.ts`) are not OpenAI's.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { type ExpectationOptions, expectationFields, readExpectation } from "./expectation.ts";
import type { Format } from "./format.ts";
import { isGiven, isName, type ReadRow, shownValue } from "./row.ts";
import { isPathOf } from "./url-path.ts";
import { turnOfBody } from "./whole-body.ts";

const fields: readonly string[] = ["custom_id", "method", "url", "body", ...expectationFields];

export const openaiBatchFormat: Format = {
  name: "openai_batch",
  fields,
  recognizes: (row) => isGiven(row.custom_id) && isGiven(row.url) && isJsonObject(row.body),
  sessionOf: ({ custom_id: id }) => (isName(id) ? id : undefined),
  createReader: ({ endpointPath, check }, { problemOf }) => {
    const names = new Set<string>();
    return { read: (row) => readRequest(row, { endpointPath, names, expectations: { check, problemOf } }) };
  },
};

interface BatchOptions {
  readonly endpointPath: string;
  /** Of the requests before. */
  readonly names: Set<string>;
  readonly expectations: ExpectationOptions;
}

function readRequest(row: JsonObject, { endpointPath, names, expectations }: BatchOptions): ReadRow {
  const { custom_id: id, method, url, body } = row;
  const wrong = (field: string, expected: string): ReadRow => ({
    problem: { field, message: `expected ${expected}, got ${shownValue(row[field])}` },
  });
  if (!isName(id)) return wrong("custom_id", "a text that is not empty");
  if (names.has(id)) return { problem: { field: "custom_id", message: `there is a request ${shownValue(id)} before it` } };
  if (isGiven(method) && method !== "POST") return wrong("method", '"POST"');
  if (typeof url !== "string" || !isPathOf(url, endpointPath)) {
    return wrong("url", `${endpointPath}, which the run sends to (--endpoint-type, --custom-endpoint)`);
  }
  if (!isJsonObject(body) || Object.keys(body).length === 0) return wrong("body", "an object that is not empty");
  const expectation = readExpectation(row, expectations);
  if ("problem" in expectation) return expectation;
  names.add(id);
  const unknownFields = Object.keys(row).filter((field) => !fields.includes(field));
  return { row: { sessionId: id, turns: [{ ...turnOfBody(body), ...expectation }], unknownFields } };
}
